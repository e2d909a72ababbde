"""Secrets, and their redaction."""

from __future__ import annotations

import copy
import io
import json
import pickle
import traceback

import pytest

from sosagent.secrets.secret import Secret


def test_a_secret_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("hunter2")
    out = io.StringIO()
    print(secret, repr(secret), f"{secret}", f"{secret!r:>20}", [secret], {"a": secret}, file=out)
    try:
        raise ValueError(secret)
    except ValueError:
        traceback.print_exc(file=out)
    assert "hunter2" not in out.getvalue()
    for leak in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            leak(secret)
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == "hunter2"
