"""Tests of mfa-profiles."""
