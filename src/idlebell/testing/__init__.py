"""What tests, the demo and the benchmarks play against: a scriptable IMAP server on our own server half, a push service that
decrypts, plausible mail. Nothing of the gateway imports it but the demo."""
