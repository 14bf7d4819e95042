"""Words for labels that many data sets share: COCO's eighty, faces with and without a mask, common shapes. Pure.

By label in lower case, underscores as spaces: what one is called, several, and where that is needed the label itself. A
label is here only where everybody means the same by it: `orange` may be a colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_NOUNS: Final = """
airplane, animal, apple, backpack, ball, banana, baseball bat, baseball glove, bear, bed, bench, bicycle, bike, bird,
boat, book, bottle, bowl, box, bus, cake, camera, car, carrot, cat, cell phone, chair, circle, clock, couch, cow, cup,
dining table, dog, donut, door, elephant, face, fire hydrant, fork, forklift, frisbee, giraffe, hair drier, hair dryer,
hand, handbag, head, helmet, horse, hot dog, keyboard, kite, laptop, license plate, microwave, mobile phone, motorbike,
motorcycle, number plate, oven, pallet, parcel, parking meter, pedestrian, pizza, potted plant, rectangle,
refrigerator, sandwich, scooter, sink, skateboard, snowboard, spoon, sports ball, square, stop sign, suitcase,
surfboard, teddy bear, tennis racket, tie, toaster, toilet, toothbrush, traffic light, traffic sign, train, triangle,
truck, umbrella, van, vase, vehicle, wine glass, zebra
"""

_OTHERS: Final[dict[str, tuple[str, ...]]] = {
    "broccoli": ("a head of broccoli", "heads of broccoli"),
    "child": ("a child", "children"),
    "knife": ("a knife", "knives"),
    "man": ("a man", "men"),
    "mask weared incorrect": (
        "somebody with a mask worn wrongly",
        "people with masks worn wrongly",
        "mask worn wrongly",
    ),
    "mouse": ("a mouse", "mice"),
    "person": ("a person", "people"),
    "scissors": ("a pair of scissors", "pairs of scissors"),
    "sheep": ("a sheep", "sheep"),
    "skis": ("a pair of skis", "pairs of skis"),
    "tv": ("a TV", "TVs"),
    "with mask": ("somebody with a mask", "people with masks"),
    "without mask": ("somebody without a mask", "people without masks"),
    "woman": ("a woman", "women"),
}


def _plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def _regular() -> Iterator[tuple[str, tuple[str, ...]]]:
    for noun in " ".join(_NOUNS.split()).split(", "):
        article = "an" if noun[0] in "aeiou" else "a"
        yield noun, (f"{article} {noun}", _plural(noun))


WELL_KNOWN: Final[dict[str, tuple[str, ...]]] = {**dict(_regular()), **_OTHERS}
