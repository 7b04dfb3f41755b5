"""What can come in the place of an answer of AWS: no HTTP, no XML, too much of either, or not what was asked for.

Each is a function from the bytes of a good answer to the pieces that go over the wire instead.
"""

import gzip
import itertools
import re
import time
from collections.abc import Callable, Iterable, Iterator

Wire = Callable[[bytes], Iterable[bytes]]

MARK = "hunter2hunter2"
"""In whatever an answer may not have repeated of it."""

_MEGABYTE = b"x" * 2**20


def whole(body: bytes, status: str = "200 OK", headers: str = "Content-Type: text/xml\r\n") -> bytes:
    """An answer with a head that fits."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def parts(answer: bytes) -> tuple[bytes, bytes]:
    """The head of an answer, with the blank line, and its body."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    return head + blank, body


def with_body(answer: bytes, body: bytes) -> bytes:
    """An answer with another body, and its length in the head."""
    head, _ = parts(answer)
    return re.sub(rb"(?i)(content-length: )\d+", rb"\g<1>%d" % len(body), head) + body


def with_field(answer: bytes, name: str, text: bytes) -> bytes:
    """An answer in which all elements of a name have another text."""
    body = parts(answer)[1]
    element = re.compile(rb"<%s>[^<]*</%s>" % (name.encode(), name.encode()))
    return with_body(answer, element.sub(lambda _: b"<%s>%s</%s>" % (name.encode(), text, name.encode()), body))


def without_field(answer: bytes, name: str) -> bytes:
    """An answer without the elements of a name."""
    return with_body(answer, re.sub(rb"<%s>.*?</%s>" % (name.encode(), name.encode()), b"", parts(answer)[1]))


def twice_the_field(answer: bytes, name: str) -> bytes:
    """An answer in which each element of a name is there twice."""
    return with_body(
        answer, re.sub(rb"<%s>.*?</%s>" % (name.encode(), name.encode()), rb"\g<0>\g<0>", parts(answer)[1])
    )


def _body(change: Callable[[bytes], bytes]) -> Wire:
    return lambda answer: [with_body(answer, change(parts(answer)[1]))]


def _said(text: bytes) -> Wire:
    return lambda _: [text]


def _drip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        time.sleep(0.05)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _in_chunks(*chunks: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks)


def _entities(body: bytes) -> bytes:
    levels = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12))
    return b'<!DOCTYPE x [<!ENTITY e0 "ha">' + levels + b"]>" + re.sub(rb">[^<>]+<", b">&e11;<", body, count=1)


def _external(body: bytes) -> bytes:
    return b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + re.sub(rb">[^<>]+<", b">&e;<", body)


_PORTAL = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><p>Welcome &copy; <br></body></html>"
_REFUSED = b"<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>"
_EMPTY_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
_UNTIL_THE_END = b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n"

NOT_HTTP: dict[str, Wire] = {
    "nothing": lambda _: [],
    "no HTTP": _said(MARK.encode() + b"\n"),
    "SSH": _said(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "half a status line": _said(b"HTTP/1.1 2"),
    "half a head": lambda answer: [answer[:60]],
    "a head alone": lambda answer: [parts(answer)[0]],
    "half a body": lambda answer: [answer[: -len(parts(answer)[1]) // 2]],
    "a status of five digits": _said(b"HTTP/1.1 99999 x\r\n\r\n"),
    "a negative status": _said(b"HTTP/1.1 -200 x\r\n\r\n"),
    "a status in words": _said(b"HTTP/1.1 OK OK\r\n\r\n"),
    "HTTP 9": lambda answer: [answer.replace(b"HTTP/1.1", b"HTTP/9.9", 1)],
    "HTTP 0.9": lambda answer: [parts(answer)[1]],
    "a status of 204": lambda answer: [answer.replace(b" 200 ", b" 204 ", 1)],
    "a status of 304": lambda answer: [answer.replace(b" 200 ", b" 304 ", 1)],
    "a status of 299": lambda answer: [answer.replace(b" 200 ", b" 299 ", 1)],
    "a status of 401": lambda answer: [answer.replace(b" 200 ", b" 401 ", 1)],
    "a status of 600": lambda answer: [answer.replace(b" 200 ", b" 600 ", 1)],
    "a status of 101": _said(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" + MARK.encode()),
    "100 Continue first": lambda answer: [b"HTTP/1.1 100 Continue\r\n\r\n", answer],
    "a length that is too long": lambda answer: [re.sub(rb"(Length: )\d+", rb"\g<1>99999", answer)],
    "a length that is too short": lambda answer: [re.sub(rb"(Length: )\d+", rb"\g<1>40", answer)],
    "a negative length": lambda answer: [re.sub(rb"(Length: )\d+", rb"\g<1>-1", answer)],
    "a length in words": lambda answer: [re.sub(rb"(Length: )\d+", rb"\g<1>many", answer)],
    "two lengths": lambda answer: [answer.replace(b"Content-Length:", b"Content-Length: 7\r\nContent-Length:")],
    "bad chunks": _said(_in_chunks(b"zz\r\n", b"hello\r\n")),
    "negative chunks": _said(_in_chunks(b"-5\r\nhello\r\n")),
    "cut chunks": _said(_in_chunks(b"ffffffff\r\nhello")),
    "chunks without an end": _said(_in_chunks(_chunk(b"<a>"))),
    "empty chunks": _said(_in_chunks(b"0\r\n\r\n")),
    "chunks": lambda answer: [_in_chunks(*(_chunk(bytes([byte])) for byte in parts(answer)[1]), b"0\r\n\r\n")],
    "a header of a megabyte": lambda answer: [answer.replace(b"\r\n", b"\r\nX: " + _MEGABYTE + b"\r\n", 1)],
    "ten thousand headers": lambda answer: [answer.replace(b"\r\n", b"\r\n" + b"X: y\r\n" * 10_000, 1)],
    "a header that is none": lambda answer: [answer.replace(b"\r\n", b"\r\n" + MARK.encode() + b"\r\n", 1)],
    "a header with a NUL": lambda answer: [answer.replace(b"\r\n", b"\r\nX: \0\xff\r\n", 1)],
    "no date": lambda answer: [re.sub(rb"Date: [^\r]*", b"Date: soon", answer)],
    "a date beyond all": lambda answer: [
        re.sub(rb"Date: [^\r]*", b"Date: Mon, 01 Jan 99999999999999999999 00:00:00 GMT", answer)
    ],
    "a date with a zone beyond all": lambda answer: [
        re.sub(rb"Date: [^\r]*", b"Date: Mon, 01 Jan 2024 00:00:00 +999999", answer)
    ],
    "a date long ago": lambda answer: [re.sub(rb"Date: [^\r]*", b"Date: Mon, 01 Jan 0001 00:00:00 +2359", answer)],
    "said to be compressed": lambda answer: [answer.replace(b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1)],
    "compressed": lambda answer: [
        with_body(answer, gzip.compress(parts(answer)[1])).replace(b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1)
    ],
    "a bomb": _said(whole(gzip.compress(_MEGABYTE * 100, 1), headers="Content-Encoding: gzip\r\n")),
    "said to be a picture": lambda answer: [answer.replace(b"text/xml", b"image/png")],
}
"""Trouble with HTTP. Some are answers all the same, to whoever is generous."""

NOT_XML: dict[str, Wire] = {
    "an empty body": _body(lambda _: b""),
    "no XML": _body(lambda _: MARK.encode()),
    "JSON": _body(lambda _: b'{"Credentials": {"SecretAccessKey": "' + MARK.encode() + b'"}}'),
    "half of the XML": _body(lambda body: body[: len(body) // 2]),
    "XML with more behind it": _body(lambda body: body + body),
    "a captive portal": _said(whole(_PORTAL, headers="Content-Type: text/html\r\n")),
    "a captive portal in XHTML": _said(whole(b"<html><body><p>Log in</p></body></html>")),
    "a captive portal that says 403": _said(whole(_PORTAL, "403 Forbidden", "Content-Type: text/html\r\n")),
    "a captive portal that says 511": _said(whole(_PORTAL, "511 Network Authentication Required")),
    "random bytes": _body(lambda _: bytes(range(256)) * 4),
    "UTF-16": _body(lambda body: body.decode().encode("utf-16")),
    "another encoding": _body(lambda body: b'<?xml version="1.0" encoding="utf-7"?>' + body),
    "Latin-1": _body(lambda body: b'<?xml version="1.0" encoding="latin-1"?>' + body.replace(b"</", b"\xe9</", 1)),
    "NULs": _body(lambda body: body.replace(b"<", b"\0<")),
    "many entities": _body(_entities),
    "a file as an entity": _body(_external),
    "deep": _body(lambda _: b"<a>" * 100_000 + b"</a>" * 100_000),
    "wide": _body(lambda body: body.replace(b"><", b">" + b"<a/>" * 100_000 + b"<", 1)),
    "another answer": _body(lambda _: b"<GetUserResponse><GetUserResult/></GetUserResponse>"),
    "an empty element": _body(lambda _: b"<x/>"),
    "all fields gone": _body(lambda body: re.sub(rb">[^<>]+<", b"><", body)),
    "an error that says 200": _body(lambda _: _REFUSED % (b"AccessDenied", MARK.encode())),
    "an error without a code": _said(whole(_REFUSED % (b"", MARK.encode()), "403 x")),
    "an error with a code that is none": _said(whole(_REFUSED % (MARK.encode(), b"x"), "403 x")),
    "an error with structure": _said(whole(_REFUSED % (b"<a>AccessDenied</a>", b"<b>x</b>"), "403 x")),
    "an error of a megabyte": _said(
        whole(_REFUSED % (b"AccessDenied", b"not authorized to perform: " * 30_000), "403 x")
    ),
    "an error without anything": _said(whole(b"<ErrorResponse/>", "400 x")),
    "two errors": _said(whole(b"<ErrorResponse><Error/><Error/></ErrorResponse>", "400 x")),
}
"""Trouble with the body of an answer."""

ENDLESS: dict[str, Wire] = {
    "a hundred megabytes": lambda _: [_LONG.replace(b"10000000000", b"104857600"), *[_MEGABYTE] * 100],
    "endless": lambda _: itertools.chain([_LONG], itertools.repeat(_MEGABYTE)),
    "endless, until the connection ends": lambda _: itertools.chain([_UNTIL_THE_END], itertools.repeat(_MEGABYTE)),
    "endless chunks": lambda _: itertools.chain([_EMPTY_CHUNKS], itertools.repeat(_chunk(_MEGABYTE))),
    "endless small chunks": lambda _: itertools.chain([_EMPTY_CHUNKS], itertools.repeat(_chunk(b"<a>" * 9) * 999)),
    "slow": lambda _: _drip(itertools.chain([_LONG], itertools.repeat(b"x"))),
    "slow chunks": lambda _: _drip(itertools.chain([_EMPTY_CHUNKS], itertools.repeat(_chunk(b"x")))),
    "a slow head": lambda _: _drip(itertools.chain([b"HTTP/1.1 200 OK\r\nX: "], itertools.repeat(b"x"))),
    "100 Continue for ever": lambda _: _drip(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
}
"""Answers without an end."""

TEXTS: dict[str, bytes] = {
    "empty": b"",
    "a blank": b" ",
    "blanks around": b" ASIAIOSFODNN7EXAMPLE ",
    "a line break": b"a\nb",
    "a section": b"x&#10;[evil]&#10;aws_access_key_id = x",
    "a section behind a bracket": b"x]\n[evil]\n",
    "a carriage return": b"a&#13;b",
    "a NUL": b"a\\0b",
    "a tab": b"a\tb",
    "a control character": b"a\xc2\x85b",
    "another line end": "a\u2028b".encode(),
    "an escape sequence": b"&#x9b;31m",
    "beyond ASCII": "\u00e9\u0661\U0001f511".encode(),
    "digits of another script": "\uff11\uff12\uff13".encode(),
    "a no-break space": "a\u00a0b".encode(),
    "a tag": b"&lt;evil&gt;",
    "elements": b"<evil>x</evil>",
    "a reference": b"&unknown;",
    "a number": b"31415926535",
    "100 kB": b"A" * 100_000,
    "900 kB": b"A" * 900_000,
    "quotes": b"'\"`$(touch X)\\",
    "a comment": b"# x",
    "a lone surrogate": b"&#xD800;",
    "formats": b"%s{0}%(x)s${x}",
}
"""Texts of a field, as they stand in XML."""

TIMES: dict[str, bytes] = {
    "epoch seconds": b"4070908800",
    "epoch milliseconds": b"4070908800000",
    "an epoch beyond all": b"99999999999999999999",
    "minus": b"-1",
    "not a number": b"nan",
    "infinite": b"inf",
    "an offset": b"2099-01-01T00:00:00+05:30",
    "no zone": b"2099-01-01T00:00:00",
    "fractions": b"2099-01-01T00:00:00.123456789Z",
    "a date alone": b"2099-01-01",
    "a time alone": b"23:59",
    "a word": b"soon",
    "today": b"today",
    "the year 0": b"0000-01-01T00:00:00Z",
    "the year 1": b"0001-01-01T00:00:00+14:00",
    "the year 9999": b"9999-12-31T23:59:59-12:00",
    "the year 9000": b"9000-01-01T00:00:00Z",
    "the year 10000": b"10000-01-01T00:00:00Z",
    "the 30th of February": b"2099-02-30T00:00:00Z",
    "RFC 822": b"Thu, 01 Jan 2099 00:00:00 GMT",
    "another zone": b"2099-01-01T00:00:00 PST",
    "long over": b"1999-01-01T00:00:00Z",
    "digits of another script": "\u0662\u0660\u0669\u0669-01-01T00:00:00Z".encode(),
}
"""Texts of a time."""
