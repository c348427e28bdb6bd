"""Link cases: links that are right, nearly right and wrong, as text. None leads anywhere: addresses in them are of a
port of loopback at which nothing listens, or of schemes that nobody follows."""

import key
import link

KEY = key.to_text(key.public(bytes([61] * 32)))
SMALL_ORDER = key.to_text(bytes([1] + [0] * 31))
NO_POINT = key.to_text(bytes([2] + [0] * 31))
FIRST = link.encode_first(bytes(range(16)))
NOWHERE = "http://127.0.0.1:1"

PLACES = (
    ["", "/", "/0", "/1", "/00", "/01", "/+1", "/-1", "/1 ", "/ 1", "/1/", "/1/2", "//1", "/a", "/0x1", "/1.0", "/١", "/%31"]
    + [f"/{2**40 - 1}", f"/{2**40}", f"/{2**53}", f"/{2**64}", f"/{10**30}", "?", "#", "/1#", "#/1", "&first=x", ";", " ", "\n"]
)

PARAMETERS = (
    ["", "&", "&&", "=", "=x", "a", "a=%zz", "a&first", "name", "name=", "name&name", "name=a&name=a", "Name=%zz", "NAME=a&name=b"]
    + ["name=%", "name=%4", "name=%4g", "name=%41", "name=%e2%82%ac", "name=%E2%82%AC", "name=%e2%82", "name=%ff", "name=%00"]
    + ["name=%c3é", "name=é", "name=%ed%a0%80", "name=%c0%80", "name=%f4%90%80%80", "name=a+b", "name=a b", "name=a#b", "name=a?b"]
    + ["name=a=b", "name=a/b", "n%61me=%zz", "%6eame=a&name=b", "name=%25", "name=%2541", "name=" + "a" * 3000, " name=%zz"]
    + [f"first={FIRST}", f"first={FIRST}&first={FIRST}", f"FIRST={FIRST}", "FIRST=zz", f"first={FIRST.upper()}", f"first={FIRST[:-1]}"]
    + [f"first={FIRST}a", f"first={FIRST}======", "first", "first=", f"first={FIRST[:-1]}b", f"first={FIRST[:-1]}e", f"first={FIRST[:-1]}i"]
    + [f"first={FIRST[:-1]}1", f"first={FIRST[:-1]}8", f"first=%{ord(FIRST[0]):02x}{FIRST[1:]}", f"first={FIRST[:-1]}%", f"first={FIRST} "]
    + [f"first={'a' * 25}{c}" for c in "aceqby7"]
    + [f"via={NOWHERE}", "via", "via=", "via=%zz", "via=mailto:x", "via=%ff", f"via={NOWHERE}&via={NOWHERE}", f"VIA={NOWHERE}&VIA=%zz"]
    + ["&".join(f"via=ftp://h{n}" for n in range(20)), "&".join(f"via=ftp://h{n}" for n in range(20)) + "&via=%zz"]
    + [f"first={FIRST}&name=a&via={NOWHERE}", f"&first={FIRST}&&name=a&", f"first={FIRST};name=%zz", f"name=a?first={FIRST}&first=x"]
)

PAGES = [
    "http://a/#",
    "https://a/b?c=d#",
    "HTTP://A/#",
    "http://#",
    "https://#",
    "http:#",
    "ftp://a/#",
    "a#",
    "#",
    "http://a/#b#",
    "http://é/#",
    "http://a/ b#",
    " http://a/#",
    "http://a/",
    "http://a/#http://a/#",
]


def links():
    """All of them."""
    whole = f"levada:{KEY}"
    for place in PLACES:
        yield whole + place
    for parameters in PARAMETERS:
        yield f"{whole}?{parameters}"
    yield f"{whole}/5?name=a"
    for page in PAGES:
        yield page + whole
        yield f"{page}{whole}?name=a#b"
    for scheme in ("LEVADA:", "LeVaDa:", "levada", "levada://", "levada: ", " levada:", "ℓevada:", "levada:levada:", "lev:", ""):
        yield scheme + KEY
    for text in (KEY.upper(), KEY[:-1] + KEY[-1].upper(), KEY[:-1], KEY + "q", SMALL_ORDER, NO_POINT, "", "lev1", KEY.replace("lev1", "lev2")):
        yield "levada:" + text
    yield f"LEVADA:{KEY.upper()}/1?name=a"
    empty = len(f"{whole}?name=")
    for size in (4095, 4096, 4097):
        yield f"{whole}?name=" + "a" * (size - empty)
        yield f"http://{'p' * (size - len(whole) - 8)}#{whole}"
        yield f"{whole}?name=" + "é" * ((size - empty) // 2) + "a" * ((size - empty) % 2)
