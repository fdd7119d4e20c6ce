/* The C library's allocator, made to fail on request: loaded ahead of it (LD_PRELOAD) by test_allocation_failure.py.
 *
 * attempt() calls a Python function; during the call the k-th allocation of the thread gets no memory, and with `all`
 * none after it either. Other threads, and what is freed, are as always. */
#include <errno.h>
#include <stddef.h>

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
extern void* PyObject_CallNoArgs(void*); /* of the program that this is loaded into */

static __thread long left __attribute__((tls_model("initial-exec"))); /* allocations until one fails; 0: none will */
static __thread long refused __attribute__((tls_model("initial-exec")));
static __thread int forever __attribute__((tls_model("initial-exec")));

static int refuse(void) {
  if (left == 0 || --left > 0) return 0;
  if (forever) left = 1;
  ++refused;
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t size) { return refuse() ? NULL : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return refuse() ? NULL : __libc_calloc(count, size); }
void* realloc(void* p, size_t size) { return refuse() ? NULL : __libc_realloc(p, size); }
void* memalign(size_t alignment, size_t size) { return refuse() ? NULL : __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** p, size_t alignment, size_t size) {
  void* const memory = memalign(alignment, size);
  if (!memory) return ENOMEM;
  *p = memory;
  return 0;
}

/* f()'s result, or null with a Python error set. */
void* attempt(void* f, long k, int all) {
  left = k;
  forever = all;
  refused = 0;
  void* const result = PyObject_CallNoArgs(f);
  left = 0;
  return result;
}
/* How many allocations of this thread's last attempt got no memory. */
long refusals(void) { return refused; }
