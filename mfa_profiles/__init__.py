"""Turn one MFA code into a named AWS profile that every tool on the machine can use."""

__version__ = "0.1.0"
