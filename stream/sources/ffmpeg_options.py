"""What FFmpeg is told when it opens something: options, formats, time-outs. Pure."""

from __future__ import annotations

from stream.config import StreamSettings
from stream.decoding.frame_guard import decoder_options
from stream.decoding.image_header import frame_limit

_PROBING = 0.7
"""The share of the connect time-out that FFmpeg may probe for."""
_BETWEEN_SEGMENTS_S = 30.0
"""How long a live playlist may have nothing new: three segments of ten seconds."""
_NO_PROTOCOL = "none"
_HTTP_FORMATS = (
    # Each reads what it is given and nothing else, but `hls`, which opens what it names through us. Formats that open
    # files by names or lists of names (image2, concat, sdp, dash, imf) must never be among them.
    "hls,mpjpeg,mjpeg,jpeg_pipe,png_pipe,webp_pipe,bmp_pipe,gif,"
    "mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,vvc,av1,obu,hxvs,dhav,ivf,"
    "mov,matroska,flv,live_flv,asf,avi,ogg,nut,mxf,yuv4mpegpipe,"
    "aac,ac3,eac3,mp3,webvtt"  # the sound and the texts of playlists
)


def ffmpeg_options(kind: str, settings: StreamSettings, *, live: bool) -> dict[str, str]:
    """Options for opening a ConnectTarget of this kind."""
    # FFmpeg decodes frames while it probes; formats whose streams it does not know yet by then ignore the limit
    options = decoder_options(frame_limit(settings))
    if kind == "http":
        # FFmpeg opens nothing itself: HTTP is read for it (network/http_camera.py), and it chooses by what it reads
        options |= {"protocol_whitelist": _NO_PROTOCOL, "format_whitelist": _HTTP_FORMATS}
        options |= {"http_persistent": "0", "http_multiple": "0"}  # would need FFmpeg's own HTTP
        # FFmpeg gives up probing before we give up on it: then it tells what it saw, such as a frame that is too large
        options["analyzeduration"] = str(round(_PROBING * settings.connect_timeout_s * 1_000_000))
    if kind == "rtsp":
        options |= {"protocol_whitelist": "rtsp,rtp,tcp,udp"}
        options |= {"rtsp_transport": settings.rtsp_transport, "allowed_media_types": "video"}
        if live:
            # A third of a second until the first frame, not a whole one. `nobuffer` would throw the packets away
            # that were probed, and with them the key frame.
            options["fpsprobesize"] = "0"
    return options


def packet_timeout_s(settings: StreamSettings, format_name: str) -> float:
    """How long a camera may take for its next packet, in seconds; a playlist is read a segment at a time."""
    return settings.stall_timeout_s + (_BETWEEN_SEGMENTS_S if format_name == "hls" else 0.0)
