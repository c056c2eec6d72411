"""How requests leave the pod: authorities, proxies, TLS, SFTP."""
