"""What the fuzzers call, and which errors each may raise: whatever else comes out is a fault."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from joserfc import jws
from joserfc.jwk import OctKey

from api.auth.machines.signed_links import LinkSigner
from api.http.errors import Problem
from api.http.strict_requests import check_json
from monitoring.core.errors import BadQuery
from monitoring.ingest.inbox import InboxMessage
from monitoring.ingest.parsing import read_event, read_result, read_snapshot
from monitoring.store.cursor import after_cursor
from stream.config import StreamSettings
from stream.decoding.encoded_frame import is_key, parameter_sets
from stream.decoding.frame_guard import FrameGuard, announced_size_wh
from stream.decoding.image_decoding import needed_png
from stream.decoding.image_header import frame_limit, image_limit, read_header
from stream.decoding.parameter_sets import HeaderError, h264_sequence, h265_sequence, vp9_sequence
from stream.decoding.webcodecs import decoder_config, self_contained
from stream.errors import BadImageError, BadOfferError, UnsupportedOfferError
from stream.ring import CodecConfig, RingPacket
from stream.webrtc.sdp_parsing import read_fragment, read_offer
from workers.access.assertion import PURPOSE, Assertions
from workers.access.cluster_keys import ClusterKeys
from workers.bus.message_bus import DETECTIONS, EVENTS, SNAPSHOTS
from workers.cluster.status import MONITOR_PREFIX, NODE_PREFIX, StatusBoard
from workers.cluster.stream_spec import SpecError, read_epoch, read_spec
from workers.errors import Unauthenticated

_SETTINGS = StreamSettings()
_SECRETS = ClusterKeys(["a secret of the fuzzers, 0123456789"])
_KEY = OctKey.import_key(_SECRETS.signing(PURPOSE))
_ASSERTIONS = Assertions(_SECRETS, "node", clock=lambda: 1_700_000_001.0)
_LINKS = LinkSigner(b"a secret of the fuzzers")
_CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "mjpeg", "mpeg4")
_TABLE = sa.table("events", sa.column("captured_at_ns"), sa.column("seq"))


@dataclass(frozen=True, slots=True)
class Target:
    """One parser under test. seeds: small inputs that it understands; the fuzzer changes them."""

    call: Callable[[bytes], None]
    allowed: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...] = ()


def images(data: bytes) -> None:
    """Headers of stills and of frames of MJPEG cameras, and what of a PNG is given to the decoder."""
    with contextlib.suppress(BadImageError):
        FrameGuard("mjpeg", frame_limit(_SETTINGS)).check(data, True)
    header = read_header(data, 2**20, image_limit(_SETTINGS))
    if header.kind == "png":
        needed_png(data)


def credentials(data: bytes) -> None:
    """Signed links, assertions of other processes, and claims that are signed as they should be but say anything."""
    text = data.decode("latin-1")
    _LINKS.check("/v1/streams/door/mjpeg", text)
    for token in (text, jws.serialize_compact({"alg": "HS256"}, data, _KEY)):
        with contextlib.suppress(Unauthenticated):
            _ASSERTIONS.read(token, "GET", "/v1/streams")


def sdp(data: bytes) -> None:
    """Offers and trickled fragments of WHIP peers."""
    text = data.decode(errors="replace")
    with contextlib.suppress(BadOfferError):
        read_fragment(text)
    read_offer(text)


def codecs(data: bytes) -> None:
    """Parameter sets and frame headers. The first byte chooses the codec, the second cuts off a global header."""
    if len(data) < 2:
        return
    name, cut, rest = _CODECS[data[0] % len(_CODECS)], data[1], data[2:]
    config, frame = CodecConfig(name, rest[:cut], (640, 480)), rest[cut:]
    decoder_config(config, frame)
    announced_size_wh(name, frame)
    if name in ("h264", "vp8"):
        is_key(name, frame)
        parameter_sets(frame)
    for parse in (h264_sequence, h265_sequence, vp9_sequence):
        with contextlib.suppress(HeaderError):
            parse(rest)
    self_contained(config, RingPacket("s", 0, 0, True, frame, 0))


def kafka(data: bytes) -> None:
    """Records of every topic that is read. The key ends at the first line break."""
    key_bytes, _, value = data.partition(b"\n")
    key = key_bytes.decode(errors="replace")
    pairs = (part.partition(b"=") for part in key_bytes.split(b";"))
    headers = tuple((name.decode(errors="replace"), text) for name, _, text in pairs)
    if (result := read_result(InboxMessage(DETECTIONS, key, value, ()))) is not None:
        result.to_json()
    read_event(InboxMessage(EVENTS, key, value, ()))
    read_snapshot(InboxMessage(SNAPSHOTS, key, value, headers))
    board = StatusBoard(30)
    for prefix in ("", NODE_PREFIX, MONITOR_PREFIX):
        board.apply(prefix + key, value)
    with contextlib.suppress(SpecError):
        read_epoch(value)
    read_spec(key, value)


def cursors(data: bytes) -> None:
    """Cursors of pages."""
    after_cursor(_TABLE, data.decode(errors="replace"), newest=bool(data and data[0] & 1))  # type: ignore[arg-type]


_SDP_SEED = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
    b"c=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=ice-ufrag:abcd\r\n"
    b"a=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\na=fingerprint:sha-256 00:11:22:33\r\n"
    b"a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host\r\na=ssrc:1 cname:x\r\na=ssrc-group:FID 1 2\r\n"
    b"a=rtcp-fb:96 nack pli\r\na=fmtp:96 x=1;y=2\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
)
_RESULT_SEED = (
    b'k\n{"schema":"livesight.frame/1","stream_id":"a","session":"01","frame":1,"skipped":0,"pts_us":1,'
    b'"captured_at_ns":1,"size_wh":[2,2],"node":"n","detections":[{"detector":"mask","track_id":7,"label":"x",'
    b'"confidence":0.9,"xyxy":[0,0,1,1],"attributes":{"c":{"label":"y","confidence":0.5}}}],"models":{"mask":1},'
    b'"latency_ms":{"decode":1,"wait":1,"inference":1,"total":3}}'
)
_EVENT_SEED = (
    b'a\n{"schema":"livesight.event/1","id":"00000000-0000-0000-0000-000000000000","kind":"stream_up","stream_id":"a",'
    b'"session":"01","pts_us":0,"captured_at_ns":1,"node":"n"}'
)
_SNAPSHOT_SEED = (
    b"schema=livesight.snapshot/1;content-type=image/jpeg;view=crop;session=01;track=1;pts_us=1;captured_at_ns=1;"
    b"detector=m;label=l;confidence=0.5;quality=0.5;box=0,0,1,1;region=0,0,1,1;size=2,2;node=n\n\xff\xd8"
)
_NODE_SEED = b'a\n{"schema":"livesight.node/1","node":"n","address":"http://127.0.0.1:1","leasing":true,"streams":1,"partitions":1}'
_STATUS_SEED = b'cam\n{"stream":{"id":"cam","url":"rtsp://h/x"},"version":1,"node":"n"}'
_H264_SPS = bytes.fromhex("000000016742c01fda014016e8400000030040000019e3c60c920000000168ce3c80000000016588")
TARGETS: dict[str, Target] = {
    "images": Target(
        images,
        (BadImageError,),
        (
            bytes.fromhex("ffd8ffc2000b080010001001011100ffda0008010100003f00ffd9"),
            bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108020000009077")
            + bytes.fromhex("53de0000000c4944415478da63600000000300010d0a2db40000000049454e44ae426082"),
            b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0",
            b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x10\0\0\x10\0\0",
        ),
    ),
    "sdp": Target(sdp, (BadOfferError, UnsupportedOfferError), (_SDP_SEED,)),
    "codecs": Target(codecs, (HeaderError,), (b"\0\0" + _H264_SPS, b"\0\x28" + _H264_SPS * 2, b"\1\0" + _H264_SPS)),
    "kafka": Target(
        kafka,
        (SpecError,),
        (
            _RESULT_SEED,
            _EVENT_SEED,
            _SNAPSHOT_SEED,
            _NODE_SEED,
            _STATUS_SEED,
            b'k\n{"epoch":"1"}',
        ),
    ),
    "bodies": Target(
        check_json,
        (Problem,),
        (b'{"a": [1, -2.5e3, "\\u00e9\\ud83d\\ude00"], "b": null}', b'{"a": 1, "a": NaN}'),
    ),
    "credentials": Target(
        credentials,
        (Unauthenticated,),
        (
            b'{"v":1,"iss":"a","aud":"node","iat":1700000000,"exp":1700000015,"jti":"0123456789abcdef","sub":"u",'
            b'"request":"","kind":"user","grants":[["viewer",["*"],null]]}',
            b"overlay=1&exp=1700000000&by=user:1~session:2&sig=AAAA",
        ),
    ),
    "cursors": Target(cursors, (BadQuery,), (b"bmV3ZXN0LjEuMg==", b"b2xkZXN0LjEuMg==")),
}
