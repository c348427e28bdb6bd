use super::fields::end_of_value;
use super::*;

fn refused(hex: &str, must: &str) {
    let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    assert_eq!(check(&bytes, 4096).unwrap_err().must(), must, "{hex}");
}

#[test]
fn values_out_of_form_are_refused() {
    for (hex, must) in [
        ("", "codec-1"),
        ("18", "codec-1"),
        ("6261", "codec-1"),
        ("9b00ffffffffffffff", "codec-1"),
        ("0000", "codec-2"),
        ("1817", "codec-3"),
        ("190017", "codec-3"),
        ("5800", "codec-3"),
        ("b80161610a", "codec-3"),
        ("9fff", "codec-4"),
        ("7fff", "codec-4"),
        ("a17f6161ff00", "codec-4"),
        ("20", "codec-5"),
        ("c000", "codec-5"),
        ("f93c00", "codec-5"),
        ("fb3ff0000000000000", "codec-5"),
        ("f7", "codec-5"),
        ("ff", "codec-5"),
        ("1c", "codec-5"),
        ("c249010000000000000000", "codec-5"),
        ("1b0020000000000000", "codec-6"),
        ("61ff", "codec-7"),
        ("a10000", "codec-8"),
        ("a2616200616100", "codec-9"),
        ("a2626161006162 00", "codec-9"),
        ("a2616100616100", "codec-9"),
        ("818181818181818181818181818181818100", "codec-10"),
    ] {
        refused(&hex.replace(' ', ""), must);
    }
}

#[test]
fn nesting_of_16_passes_and_values_are_counted_without_keys() {
    let mut deep = vec![0x81; 16];
    deep.push(0);
    check(&deep, 4096).unwrap();
    let mut wide = Writer::new();
    wide.array(4095);
    for _ in 0..4095 {
        wide.uint(1);
    }
    let wide = wide.finish();
    check(&wide, 4096).unwrap();
    assert_eq!(check(&wide, 4095).unwrap_err().must(), "codec-11");
    check(&[0xa1, 0x61, 0x61, 0x00], 2).unwrap();
}

#[test]
fn version_is_the_first_number_inside_the_array() {
    let version = |bytes: &[u8]| check_version(bytes, Reject::HeadForm);
    assert_eq!(version(&[0x81, 0x01]), Ok(()));
    assert_eq!(version(&[0x80, 0x02]), Err(Reject::HeadForm));
    assert_eq!(version(&[0x82, 0x02]), Err(Reject::NeedsNewer { got: 2 }));
    assert_eq!(version(&[0x81, 0x61, 0x31]), Err(Reject::HeadForm));
    assert_eq!(version(&[0x01]), Err(Reject::HeadForm));
    assert_eq!(version(&[]), Err(Reject::HeadForm));
}

#[test]
fn written_maps_are_canonical_and_critical_keys_are_seen_at_any_depth() {
    let inner = MapWriter::new().with("!x", |w| w.null());
    let map = MapWriter::new()
        .with("title", |w| w.text("é"))
        .with("ab", |w| w.map(inner))
        .with("b", |w| w.bool(true));
    let bytes = map.finish();
    assert!(check(&bytes, 10).unwrap().has_critical);
    let fields = Fields::read(&bytes).unwrap();
    assert!(fields.are_exactly(&["title", "ab", "b"]));
    assert_eq!(read_text(fields.value("title").unwrap()), Some("é"));
}

#[test]
fn value_ends_where_a_decoder_says_that_it_ends() {
    let inner = MapWriter::new()
        .with("a", |writer| writer.array(3).uint(23).uint(1 << 40).null())
        .with("text", |writer| writer.text(&"é".repeat(200)))
        .finish();
    let mut writer = Writer::new();
    writer.array(5).bytes(&[7; 300]).raw(&inner).bool(true);
    writer.array(0).text("");
    let bytes = writer.finish();
    assert_eq!(check(&bytes, 100), Ok(Checked::default()));
    for value in read_array(&bytes).unwrap() {
        assert_eq!(end_of_value(value, 0), first_value(value));
        assert_eq!(first_value(value), Some(value.len()));
    }
    assert_eq!(end_of_value(&bytes, 0), Some(bytes.len()));
    for cut in 0..bytes.len() {
        assert_eq!(end_of_value(&bytes[..cut], 0), None, "{cut}");
    }
}
