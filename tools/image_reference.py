"""Prints the hex dump of docs/image-format.md. This is a second, independent writer of the image format.

Needs only the standard library. The policy has 2 observations, 3 hidden units and 1 action, so that no matrix is
square. The weights are 1/8, 2/8, 3/8, ...; the inputs are so large that tanh returns exactly 1.
"""

import struct
import zlib


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def text(s):
    return varint(len(s)) + s.encode()


def f32(*values):
    return struct.pack(f"<{len(values)}f", *values)


metadata = (
    text("toy-push")
    + varint(20_000)  # control period, us
    + f32(10.0, 0.99, 0.95, 1.0)  # observation clip, gamma, lambda, reward scale
    + varint(2)
    + text("position") + text("m") + f32(-2.0, 2.0, 0.0, 1.0)
    + text("speed") + text("m/s") + f32(-8.0, 8.0, 0.5, 2.0)
    + varint(1)
    + text("force") + text("N") + f32(-1.0, 1.0)
    + text("") + text("example") + varint(1) + varint(0) + b"\0"
)

policy = [(i + 1) / 8 for i in range(2 * 3 + 3 + 3 * 3 + 3 + 3 * 1 + 1 + 1)]
golden = [2.0, 4.5, 1.0]  # position, speed -> force: the network's output is far above 9, so tanh is 1

architecture = struct.pack("<6H4B", 2, 1, 3, 0, 0, 0, 2, 0, 0, 0) + bytes(8)
fnv = 0x811C9DC5
for byte in architecture:
    fnv = (fnv ^ byte) * 0x01000193 & 0xFFFFFFFF

body = metadata + bytes(-len(metadata) % 4) + f32(*policy, *golden)
total = 64 + len(body)
before_crc = b"DAA\x1a\r\n\n\0" + struct.pack("<HHII", 2, 64, total, fnv)
after_crc = architecture + struct.pack("<II", len(metadata), 1) + bytes(8) + body
crc = zlib.crc32(before_crc + after_crc)
image = before_crc + struct.pack("<I", crc) + after_crc

for at in range(0, len(image), 16):
    row = image[at : at + 16]
    shown = "".join(chr(b) if 32 <= b < 127 and b != ord("|") else "." for b in row)
    print(f"{at:04x}  {' '.join(f'{b:02x}' for b in row):47} |{shown}")
