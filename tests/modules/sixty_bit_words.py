"""Secret numbers of an RSA key as LibTomMath keeps them: sixty_bit_words.py KEY.pem FILE.

d, p and q, the lowest word first; of each 64-bit word 60 bits are used.
"""

import re
import subprocess
import sys

BITS = 60
NUMBERS = ("privateExponent", "prime1", "prime2")


def words(number):
    while number:
        yield (number & (1 << BITS) - 1).to_bytes(8, "little")
        number >>= BITS


def main():
    key, file = sys.argv[1:]
    command = ["openssl", "pkey", "-in", key, "-noout", "-text"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    with open(file, "wb") as out:
        for name in NUMBERS:
            digits = re.search(name + r":\n((?: +[0-9a-f:]+\n)+)", text).group(1)
            out.write(b"".join(words(int(re.sub(r"[^0-9a-f]", "", digits), 16))))


if __name__ == "__main__":
    main()
