"""TLS for the local AWS: a certificate authority of a test's own, and certificates under AWS's names."""

import ssl
from pathlib import Path


class PrivateCA:
    """A certificate authority that nobody trusts yet: hand a client the file of ``write_pem``.

    Its certificate is for 127.0.0.1, for localhost and for ``names``, such as
    ``sts.us-east-1.amazonaws.com``.
    """

    def __init__(self, *names: str) -> None:
        # A test's own requirement: whoever starts the local AWS for a look needs no certificates.
        import trustme

        self._authority = trustme.CA()
        self._certificate = self._authority.issue_cert("127.0.0.1", "localhost", *names)

    def server_context(self) -> ssl.SSLContext:
        """What a server needs to show the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._certificate.configure_cert(context)
        return context

    def write_pem(self, path: Path) -> None:
        """Write the authority's certificate, for AWS_CA_BUNDLE."""
        self._authority.cert_pem.write_to_path(path)
