//! Frames in one file: an animation or a sheet.

use anyhow::{Context, Result, bail};
use std::path::Path;

/// Pixels between the frames of a sheet.
const GAP: usize = 4;

/// Pixels of the largest sheet: 300 MB in memory.
const LARGEST_SHEET: usize = 100_000_000;

/// Speed of the selection of the 256 colours of an animation, from 1 (best) to 30; the documentation of the
/// encoder recommends 10.
const COLOUR_SPEED: i32 = 10;

/// Format of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Gif,
    Png,
}

impl Format {
    /// The format for a file name.
    pub(super) fn of(file: &Path) -> Result<Self> {
        let extension = file.extension().map(|extension| extension.to_ascii_lowercase());
        match extension.as_deref().and_then(|extension| extension.to_str()) {
            Some("gif") => Ok(Self::Gif),
            Some("png") => Ok(Self::Png),
            _ => bail!(
                "{}: a name that ends in .gif makes an animation, one in .png a sheet of frames; \
                 there is nothing else",
                file.display()
            ),
        }
    }

    /// Default of the largest number of frames of an episode.
    pub(super) fn frames(self) -> u32 {
        match self {
            Self::Gif => 120,
            Self::Png => 12,
        }
    }
}

/// A file to which frames are added.
pub(super) enum Film {
    Gif { encoder: gif::Encoder<Vec<u8>>, size: [u16; 2] },
    Png(Sheet),
}

impl Film {
    /// A file for `frames` frames of `[width, height]` pixels.
    pub(super) fn new(format: Format, size: [u32; 2], frames: usize) -> Result<Self> {
        match format {
            Format::Gif => {
                let size = [u16::try_from(size[0])?, u16::try_from(size[1])?];
                let mut encoder = gif::Encoder::new(Vec::new(), size[0], size[1], &[])?;
                encoder.set_repeat(gif::Repeat::Infinite)?;
                Ok(Self::Gif { encoder, size })
            }
            Format::Png => Sheet::new(size.map(|pixels| pixels as usize), frames).map(Self::Png),
        }
    }

    /// Adds a frame, `[height, width, 3]`, that an animation shows for `hold` hundredths of a second.
    pub(super) fn add(&mut self, rgb: &[u8], hold: u16) -> Result<()> {
        match self {
            Self::Gif { encoder, size: [width, height] } => {
                let mut frame = gif::Frame::from_rgb_speed(*width, *height, rgb, COLOUR_SPEED);
                frame.delay = hold;
                encoder.write_frame(&frame).context("cannot encode a frame")
            }
            Self::Png(sheet) => {
                sheet.add(rgb);
                Ok(())
            }
        }
    }

    /// The bytes of the file.
    pub(super) fn finish(self) -> Result<Vec<u8>> {
        match self {
            Self::Gif { encoder, .. } => {
                encoder.into_inner().context("cannot finish the animation")
            }
            Self::Png(sheet) => sheet.encode(),
        }
    }
}

/// Frames in rows, from left to right.
pub(super) struct Sheet {
    frame: [usize; 2],
    columns: usize,
    size: [usize; 2],
    pixels: Vec<u8>,
    added: usize,
}

impl Sheet {
    fn new(frame: [usize; 2], frames: usize) -> Result<Self> {
        let columns = (1..).find(|columns| columns * columns >= frames).unwrap_or(1);
        let across = [columns, frames.div_ceil(columns)];
        let size = [0, 1].map(|axis| across[axis] * (frame[axis] + GAP) - GAP);
        if size[0] * size[1] > LARGEST_SHEET {
            bail!(
                "a sheet of {frames} frames would be {}x{} pixels large: ask for fewer --frames or \
                 --episodes or for smaller ones, or for a .gif",
                size[0],
                size[1]
            );
        }
        let pixels = vec![255; 3 * size[0] * size[1]];
        Ok(Self { frame, columns, size, pixels, added: 0 })
    }

    fn add(&mut self, rgb: &[u8]) {
        let place = [self.added % self.columns, self.added / self.columns];
        let corner = [0, 1].map(|axis| place[axis] * (self.frame[axis] + GAP));
        let row = 3 * self.frame[0];
        for (line, source) in rgb.chunks_exact(row).enumerate() {
            let start = 3 * ((corner[1] + line) * self.size[0] + corner[0]);
            self.pixels[start..start + row].copy_from_slice(source);
        }
        self.added += 1;
    }

    fn encode(self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let [width, height] = [u32::try_from(self.size[0])?, u32::try_from(self.size[1])?];
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_kind() {
        assert_eq!(Format::of(Path::new("a/b.GIF")).unwrap(), Format::Gif);
        assert_eq!(Format::of(Path::new("b.png")).unwrap(), Format::Png);
        for name in ["b.mp4", "gif", ".png", "b"] {
            let message = Format::of(Path::new(name)).unwrap_err().to_string();
            assert!(message.contains(".gif") && message.contains(".png"), "{message}");
        }
    }

    #[test]
    fn a_sheet_holds_every_frame_in_its_place() {
        let mut film = Film::new(Format::Png, [2, 1], 3).unwrap();
        for shade in 1..=3 {
            film.add(&[shade; 6], 4).unwrap();
        }
        let bytes = film.finish().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!([info.width, info.height], [2 + 4 + 2, 1 + 4 + 1]);
        let at = |x: usize, y: usize| pixels[3 * (y * 8 + x)];
        assert_eq!([at(0, 0), at(1, 0), at(2, 0), at(6, 0), at(7, 0)], [1, 1, 255, 2, 2]);
        assert_eq!([at(0, 5), at(1, 5), at(6, 5), at(0, 1)], [3, 3, 255, 255]);
        assert!(Film::new(Format::Png, [4096, 4096], 100).is_err());
    }
}
