"""Signs a letter with dkimpy as a sender's server would, or as a forger would try to.

sign.py sign KEYFILE DOMAIN SELECTOR ALGORITHM CANONICALIZATION HEADERS [TAG=VALUE...]
    reads the letter, writes it with a DKIM-Signature on top; t= is the time of the clock it runs under.
    HEADERS are joined by colons. TAG= without a value leaves a tag out, any other TAG=VALUE sets it.
sign.py verify NAMESERVER
    reads a letter, says for each of its signatures whether it holds.
sign.py ed25519-key
    writes a new private and public key in base64.
"""
import sys

import dkim


class Signer(dkim.DKIM):
    """Allows what dkimpy refuses to sign: the receiver has to cope with it all the same."""

    wanted_headers = ()
    wanted_tags = ()

    def gen_header(self, fields, include_headers, *rest, **options):
        headers = [header.lower().encode() for header in self.wanted_headers]
        tags = dict(fields)
        signature = tags.pop(b"b")
        tags[b"h"] = b" : ".join(headers)
        for tag in self.wanted_tags:
            name, _, value = tag.partition("=")
            tags[name.encode()] = value.encode()
        fields = [(name, value) for name, value in tags.items() if value] + [(b"b", signature)]
        return super().gen_header(fields, headers, *rest, **options)


def sign(keyfile, domain, selector, algorithm, canonicalization, headers, *tags):
    letter = sys.stdin.buffer.read()
    with open(keyfile, "rb") as file:
        key = file.read()
    signer = Signer(letter, signature_algorithm=algorithm.encode())
    signer.should_not_sign = set()
    signer.wanted_headers = headers.split(":")
    signer.wanted_tags = [tag for tag in tags if tag != "l=body"]
    header = signer.sign(
        selector.encode(),
        domain.encode(),
        key,
        canonicalize=tuple(part.encode() for part in canonicalization.split("/")),
        include_headers=[b"from"],
        length="l=body" in tags,
    )
    sys.stdout.buffer.write(header + letter)


def verify(nameserver):
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [nameserver]

    def text(name, timeout=5):
        name = name.decode() if isinstance(name, bytes) else name
        return b"".join(resolver.resolve(name, "TXT", lifetime=timeout)[0].strings)

    letter = sys.stdin.buffer.read()
    checker = dkim.DKIM(letter)
    count = sum(name.lower() == b"dkim-signature" for name, _ in checker.headers)
    for index in range(count):
        checker = dkim.DKIM(letter)
        try:
            good = checker.verify(idx=index, dnsfunc=text)
            print("good" if good else "bad")
        except Exception as why:  # noqa: BLE001 - any complaint is an answer here
            print(f"bad: {why}")


def ed25519_key():
    import nacl.encoding
    import nacl.signing

    key = nacl.signing.SigningKey.generate()
    encoder = nacl.encoding.Base64Encoder
    print(key.encode(encoder).decode(), key.verify_key.encode(encoder).decode())


act, *arguments = sys.argv[1:]
{"sign": sign, "verify": verify, "ed25519-key": ed25519_key}[act](*arguments)
