"""What can be wrong between this service and a provider. Pure.

`page_code` is what the sign-in page is told (api/web/sign-in.js has the words): the reasons themselves go into the log.
"""

from __future__ import annotations

from typing import ClassVar

from workers.errors import AccessError


class ProviderError(AccessError):
    """A sign-in at the provider did not come to its end."""

    problem = ("provider-refused", 403, "Signing in at the provider failed")
    page_code: ClassVar[str] = "failed"


class ProviderAway(ProviderError):
    """The provider does not answer, or not with what it should; nobody's fault who signs in."""

    problem = ("provider-away", 503, "The provider cannot be reached")
    page_code = "away"


class GrantRefused(ProviderError):
    """The provider takes a code or refresh token no more: used, expired, signed out, or the account is disabled."""


class TokenRefused(ProviderError):
    """A token is not what it should be: signature, issuer, audience, time, nonce. The message says which."""

    problem = ("token-refused", 400, "The token cannot be trusted")


class SignInExpired(ProviderError):
    """This browser began no sign-in, not this one, or too long ago."""

    page_code = "expired"


class SignInCancelled(ProviderError):
    """Whoever was asked at the provider said no."""

    page_code = "cancelled"


class NoGroup(ProviderError):
    """None of the account's groups may use this service."""

    page_code = "no-group"


class AccountDisabled(ProviderError):
    """The account is disabled here."""

    page_code = "disabled"
