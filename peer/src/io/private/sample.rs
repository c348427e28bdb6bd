//! Files built in tests: small, with everything in them that must go and that must stay.

/// An EXIF block as a phone writes it: orientation, make, camera, date, GPS, serials, owner, maker's note.
pub(crate) fn exif(is_little: bool) -> Vec<u8> {
    let mut block = Block {
        bytes: Vec::new(),
        is_little,
    };
    block.bytes.extend(if is_little { b"II" } else { b"MM" });
    block.short(42);
    block.long(8);
    let main = vec![
        (0x010F, Value::Text("Acme Camera Works")),
        (0x0112, Value::Short(6)),
        (
            0x8769,
            Value::Directory(vec![
                (0x9003, Value::Text("2024:05:06 07:08:09")),
                (0x927C, Value::Text("NOTE-SERIAL-9999")),
                (0xA430, Value::Text("Maria Exemplo")),
                (0xA431, Value::Text("CAM12345")),
                (0xA434, Value::Text("Acme 50mm lens")),
                (0xA435, Value::Text("L77")),
            ]),
        ),
        (
            0x8825,
            Value::Directory(vec![
                (0x0001, Value::Text("N")),
                (0x0002, Value::Ratios([(32, 1), (39, 1), (600, 100)])),
                (0x0003, Value::Text("W")),
                (0x0004, Value::Ratios([(16, 1), (54, 1), (3600, 100)])),
            ]),
        ),
    ];
    block.directory(&main, &[0; 4]);
    block.bytes
}

enum Value {
    Text(&'static str),
    Short(u16),
    Ratios([(u32, u32); 3]),
    Directory(Vec<(u16, Self)>),
}

struct Block {
    bytes: Vec<u8>,
    is_little: bool,
}

impl Block {
    fn short(&mut self, number: u16) {
        let bytes = if self.is_little {
            number.to_le_bytes()
        } else {
            number.to_be_bytes()
        };
        self.bytes.extend(bytes);
    }

    fn long(&mut self, number: u32) {
        let bytes = if self.is_little {
            number.to_le_bytes()
        } else {
            number.to_be_bytes()
        };
        self.bytes.extend(bytes);
    }

    /// Only the first directory has a link to a next one: some writers leave it out, and readers bear it.
    fn directory(&mut self, entries: &[(u16, Value)], link: &[u8]) {
        let start = self.bytes.len();
        let mut later = Self {
            bytes: Vec::new(),
            is_little: self.is_little,
        };
        let behind = start + 2 + 12 * entries.len() + link.len();
        self.short(u16::try_from(entries.len()).unwrap());
        for (tag, value) in entries {
            let offset = u32::try_from(behind + later.bytes.len()).unwrap();
            self.short(*tag);
            match value {
                Value::Text(text) => {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes.push(0);
                    self.short(2);
                    self.long(u32::try_from(bytes.len()).unwrap());
                    if bytes.len() <= 4 {
                        bytes.resize(4, 0);
                        self.bytes.extend(bytes);
                    } else {
                        self.long(offset);
                        bytes.resize(bytes.len().next_multiple_of(2), 0);
                        later.bytes.extend(bytes);
                    }
                }
                Value::Short(number) => {
                    self.short(3);
                    self.long(1);
                    self.short(*number);
                    self.short(0);
                }
                Value::Ratios(ratios) => {
                    self.short(5);
                    self.long(3);
                    self.long(offset);
                    for (over, under) in ratios {
                        later.long(*over);
                        later.long(*under);
                    }
                }
                Value::Directory(inner) => {
                    self.short(4);
                    self.long(1);
                    self.long(offset);
                    let mut nested = Self {
                        bytes: vec![0; offset as usize],
                        is_little: self.is_little,
                    };
                    nested.directory(inner, &[]);
                    later.bytes.extend(&nested.bytes[offset as usize..]);
                }
            }
        }
        self.bytes.extend(link);
        self.bytes.extend(later.bytes);
    }
}

pub(crate) const XMP: &str = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description \
    exif:GPSLatitude=\"32,39.1N\" exif:GPSLongitude=\"16,54.6W\" aux:SerialNumber=\"CAM12345\" \
    aux:OwnerName=\"Maria Exemplo\"/></x:xmpmeta>";

/// Coded picture bytes: an escaped FF and a restart marker among them.
pub(crate) const PIXELS: &[u8] = b"\x12\x34\xFF\x00\x56\xFF\xD0\x78\x9A";

pub(crate) fn segment(marker: u8, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let len = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker], len.as_slice(), &payload].concat()
}

/// A JPEG of 64 by 48 with the given segments; not a picture that a decoder would show.
pub(crate) fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
    let frame = segment(0xC0, &[&[8, 0, 48, 0, 64, 1, 1, 0x11, 0]]);
    let scan = segment(0xDA, &[&[1, 1, 0, 0, 63, 0]]);
    let jfif = segment(0xE0, &[b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"]);
    [
        &b"\xFF\xD8"[..],
        &jfif,
        &segments.concat(),
        &frame,
        &scan,
        PIXELS,
        b"\xFF\xD9",
    ]
    .concat()
}

pub(crate) fn exif_segment() -> Vec<u8> {
    segment(0xE1, &[b"Exif\0\0", &exif(false)])
}

pub(crate) fn xmp_segment(packet: &[u8]) -> Vec<u8> {
    segment(0xE1, &[b"http://ns.adobe.com/xap/1.0/\0", packet])
}

pub(crate) fn more_xmp_segment(packet: &[u8]) -> Vec<u8> {
    segment(
        0xE1,
        &[b"http://ns.adobe.com/xmp/extension/\0", &[b'0'; 40], packet],
    )
}

pub(crate) fn png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let header: &[u8] = &[0, 0, 0, 64, 0, 0, 0, 48, 8, 0, 0, 0, 0];
    let first = [(b"IHDR", header.to_vec())];
    let last = [(b"IDAT", PIXELS.to_vec()), (b"IEND", Vec::new())];
    for (kind, data) in first.iter().chain(chunks).chain(&last) {
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let body = [kind.as_slice(), data].concat();
        bytes.extend(&body);
        bytes.extend(super::png::check_sum(&body).to_be_bytes());
    }
    bytes
}

pub(crate) fn webp() -> Vec<u8> {
    let picture = [&b"\x2f\x3f\xc0\x0b\x00"[..], PIXELS].concat();
    let extended = [&[0x0C, 0, 0, 0, 63, 0, 0, 47, 0, 0][..]].concat();
    let chunks = [
        (b"VP8X", extended),
        (b"VP8L", picture),
        (b"EXIF", exif(true)),
        (b"XMP ", XMP.into()),
    ];
    let mut body = b"WEBP".to_vec();
    for (kind, data) in chunks {
        body.extend(kind);
        body.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        body.extend(&data);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [
        &b"RIFF"[..],
        &u32::try_from(body.len()).unwrap().to_le_bytes(),
        &body,
    ]
    .concat()
}

pub(crate) fn piece(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&len[..], kind, &body].concat()
}

/// A film of 1.5 s, 320 by 240, with a place in each of the three forms that phones write.
pub(crate) fn film() -> Vec<u8> {
    let mut header = vec![0; 100];
    header[12..16].copy_from_slice(&1000_u32.to_be_bytes());
    header[16..20].copy_from_slice(&1500_u32.to_be_bytes());
    let mut track = vec![0; 84];
    track[3] = 1;
    track[76..80].copy_from_slice(&(320_u32 << 16).to_be_bytes());
    track[80..84].copy_from_slice(&(240_u32 << 16).to_be_bytes());
    let mut fixed = b"\0\0\0\0\x15\xC7Funchal\0\0".to_vec();
    fixed.extend((-1_108_083_i32).to_be_bytes());
    fixed.extend(2_139_750_i32.to_be_bytes());
    fixed.extend([0; 4]);
    let place = piece(b"\xA9xyz", &[b"\0\x12\x15\xC7+32.6500-016.9080/"]);
    let user = piece(b"udta", &[&place, &piece(b"loci", &[&fixed])]);
    let name = b"com.apple.quicktime.location.ISO6709";
    let keys = piece(
        b"keys",
        &[&[0, 0, 0, 0, 0, 0, 0, 1], &piece(b"mdta", &[name])],
    );
    let value = piece(
        b"data",
        &[&[0, 0, 0, 1, 0, 0, 0, 0], b"+32.6500-016.9080+012.000/"],
    );
    let list = piece(b"ilst", &[&piece(&[0, 0, 0, 1], &[&value])]);
    let handler = piece(b"hdlr", &[&[0; 8], b"mdta", &[0; 13]]);
    let meta = piece(b"meta", &[&handler, &keys, &list]);
    let video = piece(b"hdlr", &[&[0; 8], b"vide", &[0; 13]]);
    let trak = piece(
        b"trak",
        &[&piece(b"tkhd", &[&track]), &piece(b"mdia", &[&video])],
    );
    let moov = piece(b"moov", &[&piece(b"mvhd", &[&header]), &trak, &user, &meta]);
    let kind = piece(b"ftyp", &[b"mp42\0\0\0\0isommp42"]);
    [kind, piece(b"mdat", &[PIXELS]), moov].concat()
}

/// A HEIF file whose items are an EXIF block and an XMP packet.
pub(crate) fn heif() -> Vec<u8> {
    let kind = piece(b"ftyp", &[b"heic\0\0\0\0mif1heic"]);
    let block = [&[0; 4][..], &exif(false)].concat();
    let build = |first: u32| {
        let entry = |id: u8, rest: &[u8]| piece(b"infe", &[&[2, 0, 0, 0, 0, id, 0, 0], rest]);
        let names = [
            entry(1, b"Exif\0"),
            entry(2, b"mime\0application/rdf+xml\0"),
        ]
        .concat();
        let names = piece(b"iinf", &[&[0, 0, 0, 0, 0, 2], &names]);
        let mut places = vec![0, 0, 0, 0, 0x44, 0, 0, 2];
        let lens = [block.len(), XMP.len()].map(|len| u32::try_from(len).unwrap());
        for (id, offset, len) in [(1, first, lens[0]), (2, first + lens[0], lens[1])] {
            places.extend([0, id, 0, 0, 0, 1]);
            places.extend(offset.to_be_bytes());
            places.extend(len.to_be_bytes());
        }
        let handler = piece(b"hdlr", &[&[0; 8], b"pict", &[0; 13]]);
        piece(
            b"meta",
            &[&[0; 4], &handler, &names, &piece(b"iloc", &[&places])],
        )
    };
    let first = kind.len() + build(0).len() + 8;
    let meta = build(u32::try_from(first).unwrap());
    [
        kind,
        meta,
        piece(b"mdat", &[&block, XMP.as_bytes(), PIXELS]),
    ]
    .concat()
}
