//! Values of keys as bytes of which no other value of the type has the same.
//!
//! `MessagePack` alone writes `Some(None)` as it writes `None`, and without the names of fields a struct whose first field is
//! left out as one whose second is.

use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

/// Serializes the value, and all within it: `Some` as a tuple of one, and fields after their names.
pub(super) struct Unambiguous<T>(pub(super) T);

impl<T: Serialize + ?Sized> Serialize for Unambiguous<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Unambiguous(serializer))
    }
}

macro_rules! as_they_are {
    ($($method:ident($($value:ident: $ty:ty),*);)*) => {$(
        fn $method(self, $($value: $ty),*) -> Result<S::Ok, S::Error> {
            self.0.$method($($value),*)
        }
    )*};
}

/// Two elements for each field.
const NAMED: usize = 2;

impl<S: Serializer> Serializer for Unambiguous<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Unambiguous<S::SerializeSeq>;
    type SerializeTuple = Unambiguous<S::SerializeTuple>;
    type SerializeTupleStruct = Unambiguous<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Unambiguous<S::SerializeTupleVariant>;
    type SerializeMap = Unambiguous<S::SerializeMap>;
    type SerializeStruct = Unambiguous<S::SerializeTupleStruct>;
    type SerializeStructVariant = Unambiguous<S::SerializeTupleVariant>;

    as_they_are! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let mut tuple = self.0.serialize_tuple(1)?;
        tuple.serialize_element(&Unambiguous(value))?;
        tuple.end()
    }

    fn serialize_newtype_struct<T>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error>
    where
        T: Serialize + ?Sized,
    {
        self.0.serialize_newtype_struct(name, &Unambiguous(value))
    }

    fn serialize_newtype_variant<T>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error>
    where
        T: Serialize + ?Sized,
    {
        self.0.serialize_newtype_variant(name, index, variant, &Unambiguous(value))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.0.serialize_seq(len).map(Unambiguous)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.0.serialize_tuple(len).map(Unambiguous)
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.0.serialize_tuple_struct(name, len).map(Unambiguous)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0.serialize_tuple_variant(name, index, variant, len).map(Unambiguous)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.0.serialize_map(len).map(Unambiguous)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.0.serialize_tuple_struct(name, NAMED * len).map(Unambiguous)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0.serialize_tuple_variant(name, index, variant, NAMED * len).map(Unambiguous)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident;)*) => {$(
        impl<C: $trait> $trait for Unambiguous<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                self.0.$method(&Unambiguous(value))
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.0.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

impl<C: SerializeMap> SerializeMap for Unambiguous<C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.0.serialize_key(&Unambiguous(key))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.0.serialize_value(&Unambiguous(value))
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.0.end()
    }
}

macro_rules! fields {
    ($($trait:ident as $elements:ident;)*) => {$(
        impl<C: $elements> $trait for Unambiguous<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T>(&mut self, name: &'static str, value: &T) -> Result<(), C::Error>
            where
                T: Serialize + ?Sized,
            {
                self.0.serialize_field(name)?;
                self.0.serialize_field(&Unambiguous(value))
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.0.end()
            }
        }
    )*};
}

fields! {
    SerializeStruct as SerializeTupleStruct;
    SerializeStructVariant as SerializeTupleVariant;
}
