"""tests/support/sizes.py reports what is too long, and nothing else."""

from __future__ import annotations

from pathlib import Path

from .sizes import FUNCTION_LINES, MODULE_LINES, too_long


def test_a_function_of_61_lines_and_a_module_of_401_are_reported(tmp_path: Path) -> None:
    body = "    x = 1\n" * (FUNCTION_LINES - 3)
    right = f"@staticmethod\nasync def right():\n    pass\n{body}"
    deeper = body.replace("    x", "        x")
    wrong = f"class C:\n    @staticmethod\n    def wrong():\n        pass\n{deeper}        y = 2\n"
    path = tmp_path / "module.py"
    path.write_text(right)
    assert list(too_long(path)) == []
    path.write_text(right + wrong)
    (message,) = too_long(path)
    assert message.startswith(f"{path}:{FUNCTION_LINES + 2}: wrong() has {FUNCTION_LINES + 1} lines")
    path.write_text("x = 1\n" * MODULE_LINES)
    assert list(too_long(path)) == []
    path.write_text("x = 1\n" * (MODULE_LINES + 1))
    (message,) = too_long(path)
    assert f"has {MODULE_LINES + 1} lines" in message
