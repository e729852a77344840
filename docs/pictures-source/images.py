"""Pictures as files: WebP, as good as fits into the size that a picture may have."""

import io

from PIL import Image

from table import ALL, LARGEST, PICTURES

# Without loss where that fits, otherwise the best of these.
QUALITIES = [92, 86, 80, 72, 64, 55]


def save(png, file):
    """A still picture."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for settings in [{"lossless": True}, *({"quality": quality} for quality in QUALITIES)]:
        data = io.BytesIO()
        image.save(data, "WEBP", method=6, **settings)
        if data.tell() < LARGEST:
            break
    write(file, data.getvalue(), f"{image.width}×{image.height}, {settings}")


def save_moving(taken, file):
    """Pictures with their moments, each shown for as long as it was until the next; it goes on without an end."""
    frames = [Image.open(io.BytesIO(png)).convert("RGB") for _, png in taken]
    moments = [at for at, _ in taken]
    times = [round(1000 * (after - before)) for before, after in zip(moments, moments[1:])]
    times.append(times[-1])
    for settings in [{"quality": quality} for quality in QUALITIES]:
        data = io.BytesIO()
        frames[0].save(data, "WEBP", save_all=True, append_images=frames[1:], duration=times, loop=0, method=4,
                       minimize_size=True, **settings)
        if data.tell() < LARGEST:
            break
    write(file, data.getvalue(), f"{len(frames)} frames, {settings}")


def write(file, data, about):
    file.write_bytes(data)
    print(f"{file.name}: {len(data):,} bytes, {about}", flush=True)


def refuse_what_is_too_large(folder):
    sizes = {picture.file: (folder / picture.file).stat().st_size for picture in PICTURES
             if (folder / picture.file).exists()}
    large = [file for file, size in sizes.items() if size >= LARGEST]
    if large or sum(sizes.values()) >= ALL:
        raise SystemExit(f"too large: {', '.join(large) or f'{sum(sizes.values()):,} bytes together'}")
