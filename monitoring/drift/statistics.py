"""Two-sample tests for samples that resemble each other. Pure.

Frames of one camera are nearly copies, and tracks of one hour show the same few people: n samples carry what fewer
independent ones would. How many, the reference itself shows: the means of its blocks vary as they do because of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

F64 = npt.NDArray[np.float64]

PRIOR_DOF = 12.0
"""Degrees of freedom that the variance over all hours lends to that of one hour (as in limma; Smyth 2004)."""


Values = F64 | float
"""A number, or an array that is processed element by element."""


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """How much means of windows vary without any change: between blocks of time and within them.

    between, within: variances. days: independent repetitions of the hour that `between` was measured on. samples: of
    the reference.
    """

    between: Values
    within: Values
    days: Values
    samples: Values

    def dof(self, n: Values) -> Values:
        """Degrees of freedom of `mean_variance`: those of `between`, with the prior's; `within` is as good as known.

        So the smaller the part of `between`, the more there are (Satterthwaite 1946).
        """
        own = np.maximum(1.0, np.asarray(self.days, float) - 1) + PRIOR_DOF
        between = np.asarray(self.between, float)
        share = np.divide(self.mean_variance(n), between, out=np.full(np.shape(own), 1e3), where=between > 0)
        return np.asarray(own * np.minimum(share, 1e3) ** 2, float)

    def mean_variance(self, n: Values) -> Values:
        """The variance of the mean of n samples of one window."""
        return np.asarray(self.between + self.within / n, float)

    def effective(self, n: Values) -> Values:
        """The effective size of n samples of one window, 1 to n; n where nothing varies."""
        variance = np.asarray(self.mean_variance(n), float)
        worth = np.divide(self.between + self.within, variance, out=np.full_like(variance, np.inf), where=variance > 0)
        return np.asarray(np.clip(worth, 1.0, n), float)

    def reference_effective(self) -> Values:
        """The effective size of the reference, whose days vary as well."""
        whole = np.asarray(self.between + self.within, float)
        variance = np.asarray(self.between / np.maximum(1.0, self.days) + self.within / np.maximum(1, self.samples))
        worth = np.divide(whole, variance, out=np.asarray(np.maximum(2.0, self.samples), float), where=variance > 0)
        return np.asarray(np.maximum(2.0, worth), float)


def moderated(own: float, own_dof: float, pooled: float) -> float:
    """A variance measured on few days, shrunk towards that over all hours (Smyth 2004, equation 6)."""
    return (own_dof * own + PRIOR_DOF * pooled) / (own_dof + PRIOR_DOF)


def autocorrelation_effective(values: F64) -> float:
    """The effective size of a series (n,), 1 to n, from its autocorrelation.

    n / (1 + 2 Σ ρ), summed in pairs for as long as those are positive (Geyer 1992, section 3.3).
    """
    n = len(values)
    centred = values - values.mean()
    power = float(centred @ centred)
    if n < 4 or power <= 0:
        return float(n)
    spectrum = np.fft.rfft(centred, 2 * n)
    rho = np.fft.irfft(spectrum * np.conj(spectrum))[:n] / power
    pairs = rho[1 : n - 1 : 2] + rho[2:n:2]
    ends = np.flatnonzero(pairs <= 0)
    total = float(pairs[: ends[0] if len(ends) else len(pairs)].sum())
    return min(float(n), max(1.0, n / (1 + 2 * total)))


def ks_distance(now: F64, reference: F64) -> float:
    """The greatest difference of two cumulative distributions, given as histograms over the same edges."""
    difference = np.cumsum(now) / now.sum() - np.cumsum(reference) / reference.sum()
    return float(np.abs(difference).max())


def ks_p(distance: Values, n: Values, m: Values) -> Values:
    """The p of a Kolmogorov-Smirnov distance between n and m independent samples of one distribution.

    The asymptotic distribution with Stephens' correction (1970), good from n·m/(n+m) of about 4.
    """
    root = np.sqrt(np.asarray(n * m / (n + m), float))
    return np.asarray(special.kolmogorov((root + 0.12 + 0.11 / root) * distance), float)


def location_p(difference: Values, variances: VarianceComponents, n: Values) -> Values:
    """The two-sided p of the difference between a window's mean and the reference's, by Student's t.

    It goes on where `ks_distance` ends: two distributions that do not overlap are 1 apart however far.
    """
    reference = variances.between / np.maximum(1.0, variances.days) + variances.within / np.maximum(
        1.0, variances.samples
    )
    variance = np.asarray(variances.mean_variance(n) + reference, float)
    far = np.abs(np.asarray(difference, float))
    t = np.divide(far, np.sqrt(variance), out=np.where(far > 1e-12, np.inf, 0.0), where=variance > 0)
    return np.asarray(2 * special.stdtr(variances.dof(n), -t), float)


def chi2_p(difference: F64, shares: F64, variance: F64, dof: float) -> float:
    """The p of differences of categories' shares, (k,), with the given variances, from pooled `shares`.

    Pearson's statistic with each category's own design effect instead of one for all (after Rao and Scott 1981),
    referred to F, as those are estimates themselves (Thomas and Rao 1987): `dof` is VarianceComponents'. With the
    variance of independent samples, p (1 - p) (1/n + 1/m), it is Pearson's. Empty categories do not count.
    """
    present = (shares > 0) & (variance > 0)
    free = int(present.sum()) - 1
    if free < 1:
        return 1.0
    squares = difference[present] ** 2 * (1 - shares[present]) / variance[present]
    return float(special.fdtrc(free, free * dof, squares.sum() / free))


def largest_p(difference: F64, variance: F64, dof: float) -> float:
    """The p of the largest of these differences of shares, (k,), by Student's t, corrected for their number.

    One label that gains from all others shows here sooner than in the sum over all.
    """
    varying = variance > 0
    if not varying.any():
        return 1.0
    t = float((np.abs(difference[varying]) / np.sqrt(variance[varying])).max())
    return min(1.0, int(varying.sum()) * 2 * float(special.stdtr(dof, -t)))


def combined(first: float, second: float) -> float:
    """One p of two tests of the same samples, whatever their dependence (Cauchy combination; Liu and Xie 2020)."""
    if min(first, second) < 1e-12:
        return min(1.0, 2 * min(first, second))
    mean = np.mean(np.tan((0.5 - np.minimum([first, second], 0.9)) * np.pi))  # a certain one outweighs nothing
    return float(0.5 - np.arctan(mean) / np.pi)


def psi(now: F64, reference: F64) -> float:
    """Population stability index of two histograms, half a count added to each; 0.1 is some shift, 0.25 a large one."""
    p, q = (now + 0.5) / (now + 0.5).sum(), (reference + 0.5) / (reference + 0.5).sum()
    return float(((p - q) * np.log(p / q)).sum())


def total_variation(now: F64, reference: F64) -> float:
    """The share that would have to change category, 0 to 1."""
    return float(np.abs(now / now.sum() - reference / reference.sum()).sum() / 2)
