#!/usr/bin/env python3
"""Paints, plays and writes the sample files in examples/media, from nothing but arithmetic.

Needs ffmpeg (with libx264 and libmp3lame) and exiftool on the path, Python 3.10 or newer, and these packages:

    pip install numpy pillow reportlab

Run it as `python3 examples/make-media.py`; it replaces the folder. The numbers are seeded, so the same versions
of the tools make the same pictures; other versions compress to other bytes, and so to other hashes.
Everything it makes is CC0 1.0: see README.md beside this file.
"""

import math
import os
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from PIL import Image
from reportlab.lib.pagesizes import A5
from reportlab.pdfgen import canvas

MEDIA = Path(__file__).resolve().parent / "media"
AUTHOR = "levada samples"
NOTICE = "CC0 1.0, no rights reserved"
RATE = 44_100


def main():
    shutil.rmtree(MEDIA, ignore_errors=True)
    (MEDIA / "photos").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        save_photos(Path(scratch))
        save_tune(MEDIA / "slow-water.mp3", Path(scratch))
        save_clip(MEDIA / "evening-waves.mp4", Path(scratch))
    save_page(MEDIA / "what-is-a-levada.pdf")
    # The name holds one composed letter, U+00EA: a feed signs names as they are and never normalises them.
    (MEDIA / "l\u00ea-me.txt").write_text(TEXT, encoding="utf-8", newline="\n")
    for path in sorted(MEDIA.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:>8}  {path.relative_to(MEDIA)}")


# --- Pictures. A scene is an array of rows, columns and three colours, each from 0 to 1. ---


def rgb(code):
    return np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)])


def mix(under, over, amount):
    amount = np.asarray(amount)[..., None]
    return under * (1 - amount) + over * amount


def gradient(height, width, stops):
    """A vertical gradient through (position, colour) stops; dithering happens at the end, with the grain."""
    at = np.linspace(0, 1, height)
    positions = [position for position, _ in stops]
    columns = [np.interp(at, positions, [rgb(code)[i] for _, code in stops]) for i in range(3)]
    return np.repeat(np.stack(columns, axis=-1)[:, None, :], width, axis=1)


def smooth_noise(rng, height, width, cell, stretch=1.0, octaves=5):
    """Clouds: random grids, each twice as fine and half as strong as the one before, blown up and added."""
    total, weight = np.zeros((height, width)), 0.0
    for octave in range(octaves):
        size = cell / 2**octave
        grid = rng.random((int(height / size) + 4, int(width / (size * stretch)) + 4)).astype(np.float32)
        layer = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(layer) / 2**octave
        weight += 1 / 2**octave
    return np.clip(total / weight, 0, 1)


def ridge_line(rng, width, base, swing, roughness=0.5, octaves=9):
    """The height of a skyline at each column, in pixels from the top."""
    line, x = np.zeros(width), np.linspace(0, 1, width)
    for octave in range(octaves):
        points = 3 * 2**octave
        if points > width / 2:
            break
        knots = rng.uniform(-1, 1, points + 2)
        place = x * points
        low = place.astype(int)
        part = place - low
        part = part * part * (3 - 2 * part)
        line += (knots[low] * (1 - part) + knots[low + 1] * part) * roughness**octave
    return base + swing * line


def below(line, height):
    """1 under a skyline, 0 above it, with a soft pixel between."""
    rows = np.arange(height)[:, None]
    return np.clip(rows - line[None, :] + 0.5, 0, 1)


def glow(height, width, cx, cy, radius):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.exp(-(((columns - cx) ** 2 + (rows - cy) ** 2) / radius**2))


def disc(height, width, cx, cy, radius):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.clip(radius - np.hypot(columns - cx, rows - cy) + 0.5, 0, 1)


def add_trees(rng, line, spacing, tallest):
    """Fir-like points on a skyline."""
    line, columns = line.copy(), np.arange(len(line))
    x = 0.0
    while x < len(line):
        tall = tallest * rng.uniform(0.35, 1.0) ** 1.5
        half = tall * rng.uniform(0.16, 0.24)
        away = np.abs(columns - x)
        near = away < half
        step = 0.10 * tall * np.abs(np.sin(away * 9 / half))
        top = line[int(x)] - tall * (1 - away / half) + step
        line[near] = np.minimum(line[near], top[near])
        x += spacing * rng.uniform(0.3, 1.9)
    return line


def to_picture(scene, rng, grain=0.008):
    scene = scene + rng.normal(0, grain, scene.shape[:2])[..., None]
    return Image.fromarray((np.clip(scene, 0, 1) * 255 + 0.5).astype(np.uint8))


def paint_ridges(width=1600, height=1067):
    rng = np.random.default_rng(11)
    scene = gradient(height, width, [(0, "4f6f9f"), (0.3, "a9b3cc"), (0.48, "f3cdb0"), (0.6, "fbe3c4"), (1, "fbe3c4")])
    sun_x, sun_y = width * 0.68, height * 0.43
    clouds = smooth_noise(rng, height, width, 240, stretch=4.0)
    fade = np.clip(1 - np.arange(height)[:, None] / (height * 0.5), 0, 1)
    scene = mix(scene, rgb("fff0e2"), np.clip((clouds - 0.5) * 4, 0, 1) * (0.25 + 0.5 * fade) * 0.75)
    scene = mix(scene, rgb("fff2d0"), 0.75 * glow(height, width, sun_x, sun_y, height * 0.30))
    scene = mix(scene, rgb("fffbe9"), disc(height, width, sun_x, sun_y, height * 0.035))
    layers = 7
    for layer in range(layers):
        near = layer / (layers - 1)
        line = ridge_line(rng, width, height * (0.46 + 0.42 * near), height * (0.075 - 0.02 * near), 0.48)
        ground = line  # The mist lies on the ground; measured from the treetops it would hang in streaks.
        if near > 0.45:
            line = add_trees(rng, line, 6 + 16 * near, height * 0.075 * near**1.6)
        colour = rgb("b9a9b4") * (1 - near) ** 1.2 + rgb("12262b") * (1 - (1 - near) ** 1.2)
        depth = np.clip((np.arange(height)[:, None] - ground[None, :]) / (height * 0.16), 0, 1)
        mist = smooth_noise(rng, height, width, 180, stretch=3.0, octaves=4)
        body = mix(np.broadcast_to(colour, scene.shape), rgb("f6dcc4"), depth * (1 - near) * (0.35 + 0.6 * mist))
        scene = mix(scene, body, below(line, height))
        scene = mix(scene, rgb("ffe9c8"), 0.16 * (1 - near) * glow(height, width, sun_x, sun_y, height * 0.4))
    return to_picture(scene, rng)


def paint_sea(width=1600, height=1067, seconds=0.0):
    """An evening sea. `seconds` moves the waves and the clouds: the clip is this picture, ninety-six times."""
    rng = np.random.default_rng(23)
    horizon = int(height * 0.52)
    sky = gradient(horizon, width, [(0, "24365f"), (0.45, "8a6a8e"), (0.78, "ee9a72"), (1, "ffd08a")])
    cloud_field = smooth_noise(rng, horizon, width + width // 4, height * 0.22, stretch=4.5)
    shift = int(seconds * width / 200)
    clouds = np.clip((cloud_field[:, shift : shift + width] - 0.50) * 4.5, 0, 1)
    sky = mix(sky, rgb("5a4468"), clouds * np.linspace(0.55, 0.2, horizon)[:, None])
    lit = np.clip(np.roll(clouds, -max(1, height // 90), axis=0) - clouds, 0, 1)
    sky = mix(sky, rgb("ffc08f"), np.clip(lit * 2.2, 0, 0.8))
    sun_x, sun_y = width * 0.36, horizon * 0.88
    sky = mix(sky, rgb("ffd9a0"), 0.8 * glow(horizon, width, sun_x, sun_y, height * 0.24))
    sky = mix(sky, rgb("fff6d8"), disc(horizon, width, sun_x, sun_y, height * 0.04))

    # Each row of water lies farther away the nearer it is to the horizon.
    rows = np.arange(height - horizon)[:, None] + 1.0
    far = (height - horizon) / rows
    across = (np.arange(width)[None, :] - width / 2) / width * far
    waves = np.zeros((height - horizon, width))
    for _ in range(26):
        length = rng.uniform(0.03, 0.35)
        angle = rng.normal(0, 0.35)
        pace = math.sqrt(9.8 * length) * 0.55
        phase = 2 * math.pi * ((far * math.cos(angle) + across * math.sin(angle)) / length + rng.random())
        seen = np.clip(length * rows**2 / (height * 4.0), 0, 1)  # Waves narrower than a pixel only flicker.
        waves += seen * length**0.6 * np.sin(phase + 2 * math.pi * pace * seconds / (length * 6))
    slope = waves / 1.6
    water = gradient(height - horizon, width, [(0, "d99a7c"), (0.12, "94758a"), (0.5, "3d4a6c"), (1, "182844")])
    water = mix(water, rgb("f0b48c"), np.clip(slope * 0.55, 0, 0.55))
    water = mix(water, rgb("101c33"), np.clip(-slope * 0.6, 0, 0.6))
    path = np.exp(-(((np.arange(width)[None, :] - sun_x) / (width * (0.035 + 0.10 * rows / (height - horizon)))) ** 2))
    water = mix(water, rgb("ffe2ae"), np.clip(path * (0.35 + 0.9 * slope), 0, 0.95))
    scene = np.concatenate([sky, water])

    # A headland at the right, and its dark reflection.
    columns = np.linspace(0, 1, width)
    rise = np.clip((columns - 0.60) / 0.40, 0, 1) ** 0.7
    rough = ridge_line(rng, width, 0, height * 0.030, 0.55)
    line = horizon - rise * (height * 0.21 + rough)
    cliff = below(line, height) * (np.arange(height)[:, None] <= horizon) * (rise > 0)[None, :]
    rock = mix(np.broadcast_to(rgb("2c2438"), scene.shape), rgb("6d4a55"), 0.5 * smooth_noise(rng, height, width, height * 0.06, 0.4))
    scene = mix(scene, rock, cliff)
    under = np.clip(1 - (np.arange(height)[:, None] - horizon) / np.maximum(1, horizon - line)[None, :], 0, 1)
    under *= (np.arange(height)[:, None] > horizon) * (rise > 0)[None, :]
    scene = mix(scene, rgb("1b1a30"), 0.6 * under**0.6)
    return to_picture(scene, np.random.default_rng(int(seconds * 1000)), 0.006 if seconds == 0 else 0.0)


def paint_night(width=1067, height=1600):
    rng = np.random.default_rng(37)
    scene = gradient(height, width, [(0, "070d22"), (0.4, "132447"), (0.68, "2e4a72"), (0.8, "5a7590"), (1, "5a7590")])
    rows, columns = np.mgrid[0:height, 0:width]
    band = np.exp(-(((columns - width * 0.15 - rows * 0.42) / (width * 0.20)) ** 2)) * (rows < height * 0.8)
    dust = smooth_noise(rng, height, width, 260)
    scene = mix(scene, rgb("8ea0c8"), np.clip(band * (dust - 0.32) * 1.0, 0, 0.5))
    stars = np.zeros((height, width))
    for _ in range(1100):
        x, y = rng.uniform(0, width), rng.uniform(0, height * 0.8)
        bright = rng.random() ** 5
        size = 0.7 + 1.3 * bright
        y0, y1, x0, x1 = int(max(0, y - 6)), int(y + 7), int(max(0, x - 6)), int(min(width, x + 7))
        spot = np.exp(-(((columns[y0:y1, x0:x1] - x) ** 2 + (rows[y0:y1, x0:x1] - y) ** 2) / size**2))
        stars[y0:y1, x0:x1] += spot * (0.25 + 0.75 * bright) * (1 - y / height)
    scene = mix(scene, rgb("f4f6ff"), np.clip(stars, 0, 1))
    moon_x, moon_y = width * 0.72, height * 0.22
    scene = mix(scene, rgb("9fb4d8"), 0.5 * glow(height, width, moon_x, moon_y, height * 0.12))
    lit = disc(height, width, moon_x, moon_y, height * 0.032)
    dark = disc(height, width, moon_x + height * 0.016, moon_y - height * 0.007, height * 0.030)
    scene = mix(scene, rgb("fdf6e0"), lit * (1 - dark))
    for near, base, swing, colour in [(0.2, 0.70, 0.040, "34506f"), (0.5, 0.77, 0.035, "1d3350"), (1.0, 0.87, 0.030, "091322")]:
        line = ridge_line(rng, width, height * base, height * swing, 0.5)
        ground = line
        if near > 0.4:
            line = add_trees(rng, line, 9 + 14 * near, height * 0.07 * near)
        fog = np.clip((rows - ground[None, :]) / (height * 0.12), 0, 1) * (1 - near) * 0.6
        scene = mix(scene, mix(np.broadcast_to(rgb(colour), scene.shape), rgb("6f8aa6"), fog), below(line, height))
    # One lit window, so that somebody is home.
    window = disc(height, width, width * 0.31, height * 0.945, 5)
    scene = mix(scene, rgb("ffb454"), 0.55 * glow(height, width, width * 0.31, height * 0.945, 38))
    return to_picture(mix(scene, rgb("ffe3a3"), window), rng, 0.006)


def save_photos(scratch):
    save_photo(
        paint_ridges(),
        MEDIA / "misty-ridges.jpg",
        scratch,
        {
            "DateTimeOriginal": "2024:04:12 06:48:31",
            "OffsetTimeOriginal": "+01:00",
            "ExposureTime": "1/160",
            "ISO": "100",
            "ImageDescription": RIDGES,
            "XMP-dc:Title": "Misty ridges",
            "XMP-dc:Description": RIDGES,
            "XMP-dc:Creator": AUTHOR,
            "XMP-dc:Rights": NOTICE,
            "XMP-dc:Subject": "mountains, mist, dawn",
        },
    )
    # The one that tells too much: where the camera stood, which camera it was, and whose.
    save_photo(
        paint_sea(),
        MEDIA / "evening-sea.jpg",
        scratch,
        {
            "DateTimeOriginal": "2024:07:03 20:57:05",
            "OffsetTimeOriginal": "+01:00",
            "ExposureTime": "1/400",
            "ISO": "200",
            "GPSLatitude": "32.7402",
            "GPSLatitudeRef": "N",
            "GPSLongitude": "16.7051",
            "GPSLongitudeRef": "W",
            "GPSAltitude": "41",
            "GPSAltitudeRef": "Above Sea Level",
            "GPSMapDatum": "WGS-84",
            "ExifIFD:SerialNumber": "LS-0042-1187",
            "ExifIFD:OwnerName": "A. Sample",
        },
    )
    # Held upright: the file stores it lying on its side, and orientation 6 says to turn it clockwise.
    save_photo(
        paint_night().transpose(Image.Transpose.ROTATE_90),
        MEDIA / "photos" / "night-walk.jpg",
        scratch,
        {
            "DateTimeOriginal": "2023:11:18 22:14:40",
            "OffsetTimeOriginal": "+00:00",
            "ExposureTime": "8",
            "ISO": "1600",
            "Orientation#": "6",
        },
    )


RIDGES = "Seven ridges at sunrise, each one darker than the one behind it."


def save_photo(picture, path, scratch, tags):
    """Writes a JPEG with the EXIF block a camera writes, thumbnail and all. The camera is invented."""
    picture.save(path, "JPEG", quality=82, optimize=True, progressive=True)
    small = picture.copy()
    small.thumbnail((160, 160))
    small.save(scratch / "small.jpg", "JPEG", quality=70)
    taken = tags["DateTimeOriginal"]
    usual = {
        "Make": "Levada Samples",
        "Model": "Paintbox 1",
        "Software": "make-media.py",
        "Orientation#": "1",
        "ModifyDate": taken,
        "CreateDate": taken,
        "Artist": AUTHOR,
        "EXIF:Copyright": NOTICE,
        "FNumber": "5.6",
        "FocalLength": "35",
        "ColorSpace": "sRGB",
        "ExifImageWidth": picture.width,
        "ExifImageHeight": picture.height,
    }
    subprocess.run(
        ["exiftool", "-q", "-overwrite_original", "-sep", ", ", f"-ThumbnailImage<={scratch / 'small.jpg'}"]
        + [f"-{tag}={value}" for tag, value in (usual | tags).items()]
        + [str(path)],
        check=True,
    )


# --- Sound. Two columns of samples from -1 to 1. ---


def pluck(rng, frequency, seconds):
    """Karplus and Strong's string: a burst of noise that goes round a delay and loses its edge each time."""
    period = round(RATE / frequency)
    string = rng.uniform(-1, 1, period)
    string = (string + np.roll(string, 1) + np.roll(string, 2)) / 3
    turns = int(RATE * seconds / period) + 1
    rounds = np.empty((turns, period))
    for turn in range(turns):
        rounds[turn] = string
        string = 0.4985 * (string + np.roll(string, 1))
    return rounds.ravel()[: int(RATE * seconds)]


def play_tune(seconds=9.0):
    rng = np.random.default_rng(5)
    sound = np.zeros((int(RATE * seconds), 2))
    # Four bars, D, B minor, G, A, in notes counted from middle C; then D again, left to ring.
    bars = [[-10, 2, 6, 9, 14, 9, 6, 9], [-13, -1, 6, 11, 14, 11, 6, 11], [-17, -5, 7, 11, 14, 11, 7, 11], [-15, -3, 4, 9, 13, 9, 4, 9]]
    notes = [note for bar in bars for note in bar] + [-10]
    beat = 0.22
    for number, note in enumerate(notes):
        start = int(RATE * (0.05 + number * beat))
        tone = pluck(rng, 261.626 * 2 ** (note / 12), min(2.4, seconds - start / RATE))
        loud = 0.9 if number % 8 == 0 else 0.55 + 0.1 * math.sin(number)
        side = 0.5 + 0.3 * math.sin(number * 1.7)
        sound[start : start + len(tone), 0] += tone * loud * math.sqrt(1 - side)
        sound[start : start + len(tone), 1] += tone * loud * math.sqrt(side)
    for delay, back in [(0.113, 0.28), (0.197, 0.20), (0.311, 0.13)]:
        shift = int(RATE * delay)
        sound[shift:] += back * sound[:-shift, ::-1]
    sound[-RATE:] *= np.linspace(1, 0, RATE)[:, None]
    return 0.8 * sound / np.abs(sound).max()


def play_waves(seconds):
    rng = np.random.default_rng(6)
    count = int(RATE * seconds)
    tide = 0.45 + 0.4 * np.sin(2 * np.pi * np.arange(count) / RATE / 3.1 - 1)
    kernel = np.hanning(24) / np.hanning(24).sum()
    hiss = np.stack([np.convolve(rng.normal(0, 1, count), kernel, "same") for _ in range(2)], axis=-1)
    return np.clip(0.25 * hiss * tide[:, None], -1, 1)


def save_wave(sound, path):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((sound * 32767).astype("<i2").tobytes())


def ffmpeg(*arguments, frames=None):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], input=frames, check=True)


def save_tune(path, scratch):
    save_wave(play_tune(), scratch / "tune.wav")
    cover = paint_sea(1000, 1000).resize((500, 500), Image.Resampling.LANCZOS)
    cover.save(scratch / "cover.jpg", quality=82)
    ffmpeg(
        "-i", scratch / "tune.wav", "-i", scratch / "cover.jpg", "-map", "0:a", "-map", "1:v",
        "-c:a", "libmp3lame", "-b:a", "128k", "-c:v", "copy", "-id3v2_version", "3", "-map_metadata", "-1",
        "-metadata", "title=Slow Water", "-metadata", f"artist={AUTHOR}", "-metadata", "album=Made of Arithmetic",
        "-metadata", "album_artist=" + AUTHOR, "-metadata", "track=3/7", "-metadata", "date=2024",
        "-metadata", "genre=Ambient", "-metadata", f"copyright={NOTICE}",
        "-metadata:s:v", "title=Album cover", "-metadata:s:v", "comment=Cover (front)", path,
    )  # fmt: skip


def save_clip(path, scratch):
    width, height, rate, seconds = 640, 360, 24, 4
    save_wave(play_waves(seconds), scratch / "waves.wav")
    frames = b"".join(paint_sea(width, height, 1 + i / rate).tobytes() for i in range(rate * seconds))
    ffmpeg(
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate, "-i", "-",
        "-i", scratch / "waves.wav", "-c:v", "libx264", "-preset", "slow", "-crf", "25", "-pix_fmt", "yuv420p",
        "-threads", "1", "-c:a", "aac", "-b:a", "64k", "-shortest", "-movflags", "+faststart",
        "-metadata", "title=Evening waves", "-metadata", f"artist={AUTHOR}", "-metadata", f"copyright={NOTICE}",
        "-metadata", "comment=Ninety-six paintings of one sea.", "-metadata", "creation_time=2024-07-03T20:58:00Z",
        path, frames=frames,
    )  # fmt: skip


# --- Pages. ---


def save_page(path):
    width, height = A5
    os.environ["SOURCE_DATE_EPOCH"] = "1720080000"  # 4 July 2024: two runs must write the same page.
    page = canvas.Canvas(str(path), pagesize=A5, invariant=1)
    page.setTitle("What is a levada?")
    page.setAuthor(AUTHOR)
    page.setCreator("make-media.py")
    page.setSubject("One page, " + NOTICE)
    page.setFont("Times-Bold", 24)
    page.drawString(48, height - 80, "What is a levada?")
    y = height - 116
    for line in PAGE.strip().splitlines():
        page.setFont("Times-Roman", 12)
        page.drawString(48, y, line)
        y -= 17
    # Terraces, and the channel that runs along each of them.
    for step in range(5):
        x, ground = 48 + step * 66, 236 - step * 34
        page.setFillColorRGB(0.36 + 0.06 * step, 0.50 + 0.04 * step, 0.36)
        page.rect(x, 70, 66, ground - 70, stroke=0, fill=1)
        page.setFillColorRGB(0.25, 0.55, 0.78)
        page.rect(x, ground - 7, 66, 7, stroke=0, fill=1)
        foot = max(70, ground - 35)
        page.rect(x + 60, foot, 6, ground - foot, stroke=0, fill=1)
    page.setFillColorRGB(0.3, 0.3, 0.3)
    page.setFont("Times-Italic", 9)
    page.drawString(48, 44, NOTICE + ". Do with this page what you like.")
    page.showPage()
    page.save()


PAGE = """
A levada is a channel cut along a hillside to bring water
from where it rises to where it is wanted. It may run for
many kilometres, with hardly any fall, past a hundred
gardens.

Nobody along the way owns the water. Each takes a share at
an agreed hour and lets the rest run on to the next.

The software has its name from there: what an author lets
go at the source reaches many holders, each passes it on,
and none of them is its reservoir.
"""

TEXT = """\
Leia-me: what this folder is

Pictures, a tune, a film and a page to try levada with. Nobody photographed or
played them: examples/make-media.py computes every one.

The camera, its serial number, the place and the dates in the pictures are made
up. evening-sea.jpg names a position and a serial number on purpose, because
levada points such things out before it signs a file for good.

O nome deste ficheiro tem um acento, tamb\u00e9m de prop\u00f3sito.

To the extent possible under law, the authors of levada have waived all
copyright and related rights to the files in this folder (CC0 1.0 Universal,
https://creativecommons.org/publicdomain/zero/1.0/). Copy them, change them,
sell them; no need to ask or to name anyone.
"""

if __name__ == "__main__":
    main()
