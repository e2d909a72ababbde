"""The marks that stand in place of text that must not be shown."""

from __future__ import annotations

__all__ = ["ECHO_TEST", "HIDDEN", "NOT_RECORDED", "REDACTED"]

#: Replaces a secret that was sent, in transcripts, error messages and reports.
REDACTED = "(a secret)"
#: Replaces text that is not recorded because it may contain a secret.
NOT_RECORDED = "(not recorded)"
#: Replaces a secret in text from outside, such as the reply of a provider.
HIDDEN = "(…)"

#: Typed and erased before a secret, to see whether the console shows what is typed.
ECHO_TEST = "^"
