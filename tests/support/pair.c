/* SPDX-License-Identifier: MIT */
/* pair.c - two vms that no worker runs. */
#include "sched/vm.h"
#include "support/check.h"

#include <string.h>

#include "support/pair.h"

lgort_host host;
lgort_vm *from, *to;

void pair_start(void) {
  gort_options options = {.maxprocs = 1, .ops = &lgort_ops, .arg = &host};
  gort_vm *second;
  memset(&host, 0, sizeof host);
  assert_int_equal(lgort_codes_init(&host.codes), 0);
  assert_int_equal(gort_new(&options, &host.rt), 0);
  assert_int_equal(gort__vm_new(host.rt, 1, &second), 0);
  from = gort_vm_state(gort_vm_main(host.rt));
  to = gort_vm_state(second);
}

void pair_stop(void) {
  gort__vm_free(to->vm);
  gort_destroy(host.rt);
  lgort_codes_fini(&host.codes);
}
