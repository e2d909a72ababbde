"""Tests of sosagent.completion."""
