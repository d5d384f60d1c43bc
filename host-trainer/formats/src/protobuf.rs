//! Writer and checked reader of the parts of protobuf's wire format that ONNX files use.

use anyhow::{Context, Result, bail};

/// A message to which fields are appended.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value > 127 {
            self.0.push((value & 127) as u8 | 128);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    pub(super) fn int(mut self, field: u32, value: i64) -> Self {
        self.key(field, 0);
        self.varint(value as u64);
        self
    }

    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(super) fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(super) fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The value of a field with its wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

impl<'a> Value<'a> {
    pub(super) fn int(self) -> Result<i64> {
        match self {
            Self::Varint(value) => Ok(value as i64),
            other => bail!("a number was expected, not {}", other.kind()),
        }
    }

    pub(super) fn float(self) -> Result<f32> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            other => bail!("a float was expected, not {}", other.kind()),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => bail!("bytes were expected, not {}", other.kind()),
        }
    }

    pub(super) fn text(self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).context("a name is not UTF-8")
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Varint(_) => "a number",
            Self::Fixed64(_) => "eight bytes",
            Self::Bytes(_) => "bytes",
            Self::Fixed32(_) => "four bytes",
        }
    }
}

/// Removes a number with seven bits in each byte from the front.
pub(super) fn varint(rest: &mut &[u8]) -> Result<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first().context("the file is truncated")?;
        *rest = tail;
        value |= u64::from(byte & 127) << shift;
        if byte & 128 == 0 {
            return Ok(value);
        }
    }
    bail!("a number of more than 64 bits")
}

/// Iterator over the fields of a message, without allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len).context("the file is truncated")?;
        self.0 = rest;
        Ok(bytes)
    }

    fn field(&mut self) -> Result<(u32, Value<'a>)> {
        let key = varint(&mut self.0)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.0)?),
            1 => Value::Fixed64(self.take(8)?.try_into()?),
            2 => {
                let len = usize::try_from(varint(&mut self.0)?).context("a length is too large")?;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Fixed32(self.take(4)?.try_into()?),
            other => bail!("an unknown wire type, {other}"),
        };
        Ok((u32::try_from(key >> 3).context("a field's number is too large")?, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            // The fields after a damaged one cannot be found.
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_the_wire_formats_description() {
        // The two examples of protobuf's own page: field 1 = 150, field 2 = "testing".
        let message = Message::default().int(1, 150).text(2, "testing");
        assert_eq!(
            message.0,
            [0x08, 0x96, 0x01, 0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]
        );
        let fields: Vec<_> = Fields::of(&message.0).collect::<Result<_>>().unwrap();
        assert_eq!(fields, [(1, Value::Varint(150)), (2, Value::Bytes(b"testing"))]);
    }

    #[test]
    fn negative_numbers_and_floats_come_back() {
        let message = Message::default().int(3, -2).float(4, -0.5);
        let fields: Vec<_> = Fields::of(&message.0).collect::<Result<_>>().unwrap();
        assert_eq!(fields[0].1.int().unwrap(), -2);
        assert_eq!(fields[1].1.float().unwrap(), -0.5);
    }

    #[test]
    fn every_truncation_and_a_huge_length_are_refused() {
        let message = Message::default().text(2, "testing").into_bytes();
        for len in 1..message.len() {
            assert!(Fields::of(&message[..len]).any(|field| field.is_err()), "{len}");
        }
        let huge = [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert!(Fields::of(&huge).any(|field| field.is_err()));
        let endless = [0xff; 16];
        assert!(Fields::of(&endless).any(|field| field.is_err()));
    }
}
