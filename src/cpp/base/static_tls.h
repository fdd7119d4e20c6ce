// ADCORE_STATIC_TLS: after a thread_local pointer that hot code reads. Also from a shared library, reading it is one
// instruction and not a call, at the price of 8 bytes of what the system keeps for such variables.
#pragma once

#if defined(__ELF__)
#define ADCORE_STATIC_TLS __attribute__((tls_model("initial-exec")))
#else
#define ADCORE_STATIC_TLS
#endif
