//! What handlers take from a request. Whatever is wrong with it ends in an [`ApiError`].

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::JsonRejection},
    http::request::Parts,
};

use super::error::ApiError;

/// A parameter of the path, such as an id.
pub(super) struct InPath<T>(pub(super) T);

/// The parameters after the `?`.
pub(super) struct Params<T>(pub(super) T);

/// The JSON in the body.
pub(super) struct Body<T>(pub(super) T);

impl<S, T> FromRequestParts<S> for InPath<T>
where
    S: Send + Sync,
    Path<T>: FromRequestParts<S, Rejection: Into<ApiError>>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(value) = Path::from_request_parts(parts, state).await.map_err(Into::into)?;
        Ok(Self(value))
    }
}

impl<S, T> FromRequestParts<S> for Params<T>
where
    S: Send + Sync,
    Query<T>: FromRequestParts<S, Rejection: Into<ApiError>>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(value) = Query::from_request_parts(parts, state).await.map_err(Into::into)?;
        Ok(Self(value))
    }
}

impl<S, T> FromRequest<S> for Body<T>
where
    S: Send + Sync,
    Json<T>: FromRequest<S, Rejection = JsonRejection>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Json(value) = Json::from_request(request, state).await?;
        Ok(Self(value))
    }
}
