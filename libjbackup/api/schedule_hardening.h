/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_HARDENING_H
#define JBI_API_SCHEDULE_HARDENING_H

#include "api/schedule_tmp.h"
#include "api/schedule_units.h"
#include "base/text.h"

/* What a service does; each is confined to what that needs. */
enum service_duty { DUTY_BACKUP, DUTY_VERIFY, DUTY_MONITOR, DUTY_ALERT };

/* Adds the lines that confine a service, each after its reason. repository as jbi_unit_path writes
 * it. */
void jbi_schedule_harden(struct text *text, const struct schedule_place *place,
                         enum service_duty duty, const char *repository,
                         const struct schedule_tmp *tmp);

#endif
