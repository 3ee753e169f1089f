// A plug-in that makes code, registers its tables, and looks how far the unwinder that it was linked with gets.
#include <unwind.h>

#include "made_code.h"

static const void* wanted;
static int found;

static _Unwind_Reason_Code look(struct _Unwind_Context* context, void* unused) {
  (void)unused;
  found |= _Unwind_FindEnclosingFunction((void*)_Unwind_GetIP(context)) == wanted;
  return _URC_NO_REASON;
}

static void* walk(size_t unused) {
  (void)unused;
  _Unwind_Backtrace(look, NULL);
  return NULL;
}

// Whether a walk out of the made code comes by the function with this address.
int reaches(const void* function) {
  unsigned char* page = made_page();
  MadeCode code = make_code(page, 40);
  unsigned char* tables = make_tables(page, 40, kRelative);
  wanted = function;
  found = 0;
  __register_frame(tables);
  code(walk, 0);
  __deregister_frame(tables);
  return found;
}
