//! The encodings that were considered for values.

use std::{hint::black_box, time::Instant};

use serde::{Deserialize, Serialize};

use crate::{Outcome, rounds::percentile};

/// As a track of the demo.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Track {
    id: u32,
    title: String,
    artist: String,
    album: Option<String>,
    seconds: u32,
    price: f64,
    genres: Vec<String>,
    is_favourite: bool,
}

type Row = (&'static str, usize, u64, u64, &'static str);

/// Name, bytes, nanoseconds to write and to read, and whether fields may be added.
pub(crate) fn measure() -> Outcome<Vec<Row>> {
    let track = Track {
        id: 2_461,
        title: "Por Causa De Você".to_owned(),
        artist: "Antônio Carlos Jobim".to_owned(),
        album: Some("Warner 25 Anos".to_owned()),
        seconds: 169,
        price: 0.99,
        genres: vec!["Bossa Nova".to_owned(), "Latin".to_owned()],
        is_favourite: true,
    };
    Ok(vec![
        row(
            "MessagePack, names",
            &track,
            |track| Ok(rmp_serde::to_vec_named(track)?),
            |bytes| Ok(rmp_serde::from_slice(bytes)?),
            "yes",
        )?,
        row(
            "MessagePack, no names",
            &track,
            |track| Ok(rmp_serde::to_vec(track)?),
            |bytes| Ok(rmp_serde::from_slice(bytes)?),
            "at the end",
        )?,
        row(
            "postcard",
            &track,
            |track| Ok(postcard::to_stdvec(track)?),
            |bytes| Ok(postcard::from_bytes(bytes)?),
            "no",
        )?,
        row("JSON", &track, |track| Ok(serde_json::to_vec(track)?), |bytes| Ok(serde_json::from_slice(bytes)?), "yes")?,
    ])
}

fn row(
    name: &'static str,
    track: &Track,
    write: impl Fn(&Track) -> Outcome<Vec<u8>>,
    read: impl Fn(&[u8]) -> Outcome<Track>,
    is_open: &'static str,
) -> Outcome<Row> {
    let bytes = write(track)?;
    if read(&bytes)? != *track {
        return Err(format!("{name} does not read what it has written").into());
    }
    let write = median(|| write(black_box(track)).map(|bytes| bytes.len()))?;
    let read = median(|| read(black_box(&bytes)).map(|track| track.title.len()))?;
    Ok((name, bytes.len(), write, read, is_open))
}

/// Of rounds of a thousand calls.
fn median(call: impl Fn() -> Outcome<usize>) -> Outcome<u64> {
    const CALLS: u64 = 1_000;
    let mut rounds = Vec::new();
    for _ in 0..31 {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(call()?);
        }
        rounds.push(u64::try_from(start.elapsed().as_nanos())? / CALLS);
    }
    Ok(percentile(&mut rounds, 50))
}
