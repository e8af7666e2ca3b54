"""Every lesson under every fault: too slow for `make test`; run by `make proof`."""
