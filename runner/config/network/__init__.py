"""Network settings: CAs, proxies, TLS, SFTP."""
