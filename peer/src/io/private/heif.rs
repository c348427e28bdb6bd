//! HEIF and AVIF pictures: the items that hold EXIF and XMP, found through `iinf` and `iloc`.

use std::io;

use super::bmff::{Piece, piece_at};
use super::{Region, Scan};

/// LIMIT: 4,096 items. A tiled photo of a phone has about fifty.
const ITEMS_MAX: usize = 4096;

/// Scans the items of a `meta` box whose boxes begin at `meta.body`.
pub(super) fn scan(region: Region<'_>, meta: Piece, scan: &mut Scan) -> io::Result<()> {
    let mut names = Vec::new();
    let mut places = Vec::new();
    let mut data = None;
    let mut at = meta.body;
    for _ in 0..ITEMS_MAX {
        let Some(piece) = piece_at(region, at, meta.end)? else {
            break;
        };
        match &piece.kind {
            b"iinf" => names = items(region, piece)?,
            b"iloc" => {
                places = piece
                    .read(region)?
                    .and_then(|body| extents(&body))
                    .unwrap_or_default()
            }
            b"idat" => data = Some(piece),
            _ => {}
        }
        at = piece.end;
    }
    for (id, is_exif) in names {
        let extents: Vec<&Extent> = places.iter().filter(|extent| extent.id == id).collect();
        let [extent] = extents.as_slice() else {
            scan.stuck = Some("its metadata is scattered over the file");
            continue;
        };
        let offset = match (extent.method, data) {
            (0, _) => extent.offset,
            (1, Some(data)) => data.body.saturating_add(extent.offset),
            _ => continue,
        };
        if is_exif {
            // Four bytes say how much comes before the TIFF header.
            let skip = region.array(offset)?.map_or(0, u32::from_be_bytes);
            let skip = u64::from(skip).saturating_add(4);
            scan.exif(
                region,
                offset.saturating_add(skip),
                extent.len.saturating_sub(skip),
            )?;
        } else {
            scan.xmp(region, offset, extent.len)?;
        }
    }
    Ok(())
}

/// The ids of items that are EXIF (true) or XMP (false).
fn items(region: Region<'_>, list: Piece) -> io::Result<Vec<(u32, bool)>> {
    let mut found = Vec::new();
    let version = region.array::<1>(list.body)?.unwrap_or_default();
    let mut at = list.body + if version == [0] { 6 } else { 8 };
    for _ in 0..ITEMS_MAX {
        let Some(entry) = piece_at(region, at, list.end)? else {
            break;
        };
        at = entry.end;
        let body = entry.read(region)?.unwrap_or_default();
        let mut reader = Fields(&body);
        let version = reader.number(1).unwrap_or(0);
        let id_len = if version < 3 { 2 } else { 4 };
        let id = reader.number(3).and_then(|_| reader.number(id_len));
        let (Some(id), Some(_)) = (id, reader.number(2)) else {
            continue;
        };
        let Ok(id) = u32::try_from(id) else {
            continue;
        };
        if reader.0.starts_with(b"Exif") {
            found.push((id, true));
        } else if reader.0.starts_with(b"mime")
            && reader
                .0
                .windows(19)
                .any(|window| window == b"application/rdf+xml")
        {
            found.push((id, false));
        }
    }
    Ok(found)
}

struct Extent {
    id: u32,
    method: u64,
    offset: u64,
    len: u64,
}

/// The `iloc` box: fields whose widths it announces itself.
fn extents(body: &[u8]) -> Option<Vec<Extent>> {
    let mut reader = Fields(body);
    let version = reader.number(1)?;
    reader.number(3)?;
    let widths = reader.number(2)?;
    let width = |shift: u32| usize::try_from(widths >> shift & 15).unwrap_or(0);
    let (offset_len, length_len, base_len) = (width(12), width(8), width(4));
    let index_len = if version == 0 { 0 } else { width(0) };
    let id_len = if version < 2 { 2 } else { 4 };
    let count = reader.number(id_len)?;
    let mut found = Vec::new();
    for _ in 0..count {
        let id = u32::try_from(reader.number(id_len)?).ok()?;
        let method = if version == 0 {
            0
        } else {
            reader.number(2)? & 15
        };
        reader.number(2)?;
        let base = reader.number(base_len)?;
        for _ in 0..reader.number(2)? {
            reader.number(index_len)?;
            let offset = base.saturating_add(reader.number(offset_len)?);
            let len = reader.number(length_len)?;
            if found.len() == ITEMS_MAX {
                return Some(found);
            }
            found.push(Extent {
                id,
                method,
                offset,
                len,
            });
        }
    }
    Some(found)
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// A big-endian number of up to eight bytes; of none it is 0.
    fn number(&mut self, len: usize) -> Option<u64> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        (len <= 8).then(|| {
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        })
    }
}
