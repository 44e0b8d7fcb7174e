"""Points on the globe and the way between them."""

from __future__ import annotations

import math
from typing import Any, Final

from ..errors import Unsupported
from ..functions.registry import aql
from ..values import rank

EARTH_RADIUS_M: Final = 6_371_000
Vector = tuple[float, float, float]


def _on_sphere(value: Any) -> Vector:
    """Of [longitude, latitude], or of a GeoJSON point."""
    at = value.get("coordinates") if isinstance(value, dict) and value.get("type") == "Point" else value
    if not isinstance(at, list) or len(at) != 2 or any(rank(number) != 2 for number in at):
        raise Unsupported("shapes other than points")
    if not (-180 <= at[0] <= 180 and -90 <= at[1] <= 90):
        raise Unsupported("a point that is not on the globe")
    east, north = (math.radians(number) for number in at)
    return math.cos(east) * math.cos(north), math.sin(east) * math.cos(north), math.sin(north)


@aql(2)
def geo_distance(_: Any, args: list[Any]) -> float:
    """In metres on a sphere."""
    one, other = _on_sphere(args[0]), _on_sphere(args[1])
    cross = [one[i - 2] * other[i - 1] - one[i - 1] * other[i - 2] for i in range(3)]
    across = math.sqrt(cross[0] * cross[0] + cross[1] * cross[1] + cross[2] * cross[2])
    along = one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
    return math.atan2(across, along) * EARTH_RADIUS_M


@aql(2)
def geo_point(_: Any, args: list[Any]) -> dict[str, Any]:
    """From longitude and latitude."""
    _on_sphere(args)
    return {"type": "Point", "coordinates": args}
