"""A local file that the demo loads by its path."""

import load


def fit(x: object, y: object) -> tuple[float, float]:
    """Slope and intercept of the straight line through the points."""
    slope, intercept = load.np.polyfit(x, y, 1)
    return float(slope), float(intercept)
