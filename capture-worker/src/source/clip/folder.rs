//! A folder of JPEG and PNG pictures, played in the order of their names.
//!
//! Neighbours: [`super`] plays it. JPEGs pass as they are; a PNG becomes an RGB image, because no
//! reader of the ring knows PNG. A file that is no picture is a bad frame, not the end.

use super::{CLIP_FRAMES_MAX, ClipError};
use crate::source::BadFrame;
use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// The pictures of one folder, by name; numbers in names count as numbers.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    files: Vec<PathBuf>,
}

/// Size of a picture and the bytes that it takes in a frame slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureSize {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Bytes in the payload.
    pub len_bytes: usize,
}

/// The two kinds of file that are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureKind {
    /// `.jpg`, `.jpeg`
    Jpeg,
    /// `.png`
    Png,
}

impl Folder {
    /// Lists the pictures in `path`.
    ///
    /// # Errors
    ///
    /// [`ClipError::Open`] if it cannot be listed; [`ClipError::NoFrames`] if it holds no picture.
    pub fn open(path: &Path) -> Result<Self, ClipError> {
        let fail = |source| ClipError::Open {
            path: path.into(),
            source,
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(fail)? {
            let file = entry.map_err(fail)?.path();
            if kind_of(&file).is_some() && files.len() < CLIP_FRAMES_MAX {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(ClipError::NoFrames { path: path.into() });
        }
        files.sort_by(|a, b| by_name_and_number(&name(a), &name(b)));
        Ok(Self {
            path: path.into(),
            files,
        })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of frame `index`, or `None` behind the last.
    #[must_use]
    pub fn file(&self, index: usize) -> Option<&Path> {
        self.files.get(index).map(PathBuf::as_path)
    }
}

/// Which kind a file is, by the ending of its name.
#[must_use]
pub fn kind_of(file: &Path) -> Option<PictureKind> {
    let ending = file.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "jpg" | "jpeg" => Some(PictureKind::Jpeg),
        "png" => Some(PictureKind::Png),
        _ => None,
    }
}

/// Reads a whole file into `payload`; returns its length.
///
/// # Errors
///
/// [`BadFrame::Unreadable`] if it cannot be read, [`BadFrame::Oversize`] if it does not fit.
pub fn read_file(file: &Path, payload: &mut [u8]) -> Result<usize, BadFrame> {
    let fail = |error: std::io::Error| unreadable(file, &error);
    let mut input = File::open(file).map_err(fail)?;
    let found = input.metadata().map_err(fail)?.len();
    if found > payload.len() as u64 {
        return Err(BadFrame::Oversize {
            found,
            capacity: payload.len(),
        });
    }
    let mut filled = 0;
    while filled < payload.len() {
        match input.read(&mut payload[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fail(error)),
        }
    }
    Ok(filled)
}

/// Decodes a PNG into `payload` as packed RGB, 3 bytes a pixel; transparency is dropped.
///
/// # Errors
///
/// [`BadFrame::Unreadable`] if it is no PNG, [`BadFrame::Oversize`] if it does not fit.
pub fn read_png(file: &Path, payload: &mut [u8]) -> Result<PictureSize, BadFrame> {
    let fail = |error: png::DecodingError| unreadable(file, &error);
    let mut reader = open_png(file)?.read_info().map_err(fail)?;
    let (width_px, height_px) = reader.info().size();
    let found = rgb_bytes(width_px, height_px);
    let size = PictureSize {
        width_px,
        height_px,
        len_bytes: payload.len().min(found as usize),
    };
    if found > payload.len() as u64 {
        return Err(BadFrame::Oversize {
            found,
            capacity: payload.len(),
        });
    }
    let out = &mut payload[..size.len_bytes];
    let (color, _) = reader.output_color_type();
    if color == png::ColorType::Rgb {
        reader.next_frame(out).map_err(fail)?;
        return Ok(size);
    }
    let len_bytes = reader
        .output_buffer_size()
        .ok_or_else(|| unreadable(file, &"too large"))?;
    let mut pixels = vec![0; len_bytes];
    reader.next_frame(&mut pixels).map_err(fail)?;
    let samples = color.samples();
    for (rgb, pixel) in out.chunks_exact_mut(3).zip(pixels.chunks_exact(samples)) {
        match samples {
            1 | 2 => rgb.fill(pixel[0]),
            _ => rgb.copy_from_slice(&pixel[..3]),
        }
    }
    Ok(size)
}

/// Size of a PNG and the bytes it takes as RGB; only its header is read.
///
/// # Errors
///
/// [`BadFrame::Unreadable`] if it is no PNG.
pub fn png_size(file: &Path) -> Result<PictureSize, BadFrame> {
    let mut decoder = open_png(file)?;
    let info = decoder
        .read_header_info()
        .map_err(|error| unreadable(file, &error))?;
    let (width_px, height_px) = info.size();
    let len_bytes = usize::try_from(rgb_bytes(width_px, height_px)).unwrap_or(usize::MAX);
    Ok(PictureSize {
        width_px,
        height_px,
        len_bytes,
    })
}

fn open_png(file: &Path) -> Result<png::Decoder<BufReader<File>>, BadFrame> {
    let input = File::open(file).map_err(|error| unreadable(file, &error))?;
    let mut decoder = png::Decoder::new(BufReader::new(input));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    Ok(decoder)
}

fn rgb_bytes(width_px: u32, height_px: u32) -> u64 {
    u64::from(width_px)
        .saturating_mul(u64::from(height_px))
        .saturating_mul(3)
}

fn unreadable(file: &Path, reason: &dyn std::fmt::Display) -> BadFrame {
    BadFrame::Unreadable {
        file: name(file),
        reason: reason.to_string(),
    }
}

fn name(file: &Path) -> String {
    file.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Compares names so that `shot9` comes before `shot10`.
fn by_name_and_number(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (text_a, rest_a) = split_number(left);
        let (text_b, rest_b) = split_number(right);
        let order = text_a.cmp(text_b);
        if order != Ordering::Equal || rest_a.is_empty() || rest_b.is_empty() {
            return order.then_with(|| left.cmp(right)).then_with(|| a.cmp(b));
        }
        let (digits_a, tail_a) = split_text(rest_a);
        let (digits_b, tail_b) = split_text(rest_b);
        let (value_a, value_b) = (
            digits_a.trim_start_matches('0'),
            digits_b.trim_start_matches('0'),
        );
        let order = value_a
            .len()
            .cmp(&value_b.len())
            .then_with(|| value_a.cmp(value_b));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (tail_a, tail_b);
        if left.is_empty() && right.is_empty() {
            return a.cmp(b);
        }
    }
}

/// What stands before the first digit, and the rest.
fn split_number(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

/// The leading digits, and the rest.
fn split_text(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a PNG of 3x2 pixels whose samples count up from 10.
    fn write_png(file: &Path, color: png::ColorType) {
        let mut encoder = png::Encoder::new(File::create(file).unwrap(), 3, 2);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        let pixels: Vec<u8> = (10..).take(6 * color.samples()).collect();
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&pixels)
            .unwrap();
    }

    #[test]
    fn pngs_of_every_colour_type_become_rgb() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        let mut payload = [0; 64];
        for (color, second_pixel) in [
            (png::ColorType::Rgb, [13, 14, 15]),
            (png::ColorType::Rgba, [14, 15, 16]),
            (png::ColorType::Grayscale, [11, 11, 11]),
            (png::ColorType::GrayscaleAlpha, [12, 12, 12]),
        ] {
            write_png(&file, color);
            let size = read_png(&file, &mut payload).unwrap();
            assert_eq!(
                size,
                PictureSize {
                    width_px: 3,
                    height_px: 2,
                    len_bytes: 18
                }
            );
            assert_eq!(payload[3..6], second_pixel, "{color:?}");
            assert_eq!(png_size(&file).unwrap(), size);
        }
    }

    #[test]
    fn a_picture_that_does_not_fit_or_is_none_is_a_bad_frame() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        write_png(&file, png::ColorType::Rgb);
        let refused = read_png(&file, &mut [0; 17]).unwrap_err();
        assert_eq!(
            refused,
            BadFrame::Oversize {
                found: 18,
                capacity: 17
            }
        );
        std::fs::write(&file, b"\x89PNG\r\n\x1a\nrubbish").unwrap();
        assert!(matches!(
            read_png(&file, &mut [0; 64]),
            Err(BadFrame::Unreadable { .. })
        ));
        assert!(matches!(
            read_file(&file, &mut [0; 4]),
            Err(BadFrame::Oversize { .. })
        ));
        assert!(matches!(
            png_size(Path::new("/nowhere/x.png")),
            Err(BadFrame::Unreadable { .. })
        ));
    }

    #[test]
    fn files_play_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "shot10.jpg",
            "shot9.PNG",
            "notes.txt",
            "shot09.jpeg",
            "a.jpg",
            "shot9b.jpg",
        ] {
            std::fs::write(folder.path().join(name), b"x").unwrap();
        }
        let opened = Folder::open(folder.path()).unwrap();
        let names: Vec<String> = opened.files.iter().map(|file| name(file)).collect();
        assert_eq!(
            names,
            [
                "a.jpg",
                "shot9.PNG",
                "shot09.jpeg",
                "shot9b.jpg",
                "shot10.jpg"
            ]
        );
        assert!(opened.file(5).is_none());
    }

    #[test]
    fn name_order_is_a_total_order() {
        let names = [
            "", "1", "01", "1a", "a", "a0", "a00", "a1", "a1b", "a1b2", "ab", "b", "é9",
        ];
        for a in names {
            assert_eq!(by_name_and_number(a, a), Ordering::Equal);
            for b in names {
                assert_eq!(
                    by_name_and_number(a, b),
                    by_name_and_number(b, a).reverse(),
                    "{a} {b}"
                );
                for c in names {
                    if by_name_and_number(a, b).is_le() && by_name_and_number(b, c).is_le() {
                        assert!(by_name_and_number(a, c).is_le(), "{a} {b} {c}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_folder_without_pictures_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            Folder::open(folder.path()),
            Err(ClipError::NoFrames { .. })
        ));
        assert!(matches!(
            Folder::open(Path::new("/nowhere")),
            Err(ClipError::Open { .. })
        ));
    }
}
