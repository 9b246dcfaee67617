"""Makes locked.pdf (needs the password `secret`) and unlocked.pdf (encrypted, opens without one): RC4, 40 bits.

ISO 32000-1, 7.6.3, algorithms 1 to 4, revision 2. Run in this folder: python3 make.py
"""

import hashlib

PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
ID = bytes(range(16))


def rc4(key, data):
    state, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def make(name, user):
    padded = (user + PAD)[:32]
    owner = rc4(hashlib.md5((b"owner" + PAD)[:32]).digest()[:5], padded)
    key = hashlib.md5(padded + owner + (0xFFFFFFFC).to_bytes(4, "little") + ID).digest()[:5]
    own_key = hashlib.md5(key + (4).to_bytes(3, "little") + bytes(2)).digest()[:10]
    content = rc4(own_key, b"BT /F 12 Tf 72 720 Td (A locked paper about herons) Tj ET")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>"
        % (owner.hex().encode(), rc4(key, PAD).hex().encode()),
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    tail = b"xref\n0 7\n0000000000 65535 f \n%strailer<</Size 7/Root 1 0 R/Encrypt 6 0 R/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n"
    out += tail % (table, ID.hex().encode(), ID.hex().encode(), len(out))
    open(name, "wb").write(out)


make("locked.pdf", b"secret")
make("unlocked.pdf", b"")
