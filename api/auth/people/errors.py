"""What can be wrong with an account, a password or a sign-in. Pure."""

from __future__ import annotations

from workers.errors import AccessError


class UserUnknown(AccessError):
    """There is no such account."""

    problem = ("user-unknown", 404, "The account does not exist")


class UserExists(AccessError):
    """There is an account of that name already; case does not matter."""

    problem = ("user-exists", 409, "The account already exists")


class NameRefused(AccessError):
    """A name that no account can have."""

    problem = ("name-refused", 422, "The name cannot be used")


class LastAdmin(AccessError):
    """No account could do everything, or manage accounts, any more."""

    problem = ("last-admin", 409, "The last admin stays")


class PasswordRefused(AccessError):
    """A new password is too short, too long or too easily guessed; the message says which."""

    problem = ("password-refused", 422, "The password cannot be used")


class SignInRefused(AccessError):
    """Name or password is wrong, or the account is disabled; which of them is not told."""

    problem = ("sign-in-refused", 401, "Signing in failed")


class AccountChanged(AccessError):
    """Somebody else was quicker: the password is another one by now, or the account is disabled."""

    problem = ("account-changed", 409, "The account was changed meanwhile")


class PasswordSignInOff(AccessError):
    """People sign in at the provider only (`auth.password_sign_in`)."""

    problem = ("password-sign-in-off", 403, "Signing in with a password is switched off")


class SubjectRefused(AccessError):
    """The account cannot be linked with that subject of the provider."""

    problem = ("subject-refused", 409, "The account cannot be linked")


class GrantsFromProvider(AccessError):
    """The account signs in at the provider, whose groups say what it may do."""

    problem = ("grants-from-provider", 409, "The provider's groups decide")


class SetupLinkRefused(AccessError):
    """The link for the first admin was used, has expired, or there is an account already."""

    problem = ("setup-refused", 403, "The link does not work any more")


class TooManyAttempts(AccessError):
    """Too many sign-ins failed; `retry_after_s` says when to try again."""

    problem = ("too-many-attempts", 429, "Too many attempts")

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"too many failed sign-ins; try again in {max(1, round(retry_after_s))} s")
