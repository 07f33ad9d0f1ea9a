/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contain/internal.h"

static void release(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* Stricter for tests: what a list has forgotten is then seen at once. */
static uint32_t refusal(void)
{
	const char *how = getenv("WGKEEPER_SECCOMP");

	return how && !strcmp(how, "kill") ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
}

static int failed(const char *what, int r, struct err *err)
{
	return err_set(err, REASON_INTERNAL, NULL, "seccomp: %s: %s", what, strerror(-r));
}

static int add_call(scmp_filter_ctx filter, uint32_t action, const char *name, struct err *err)
{
	int number = seccomp_syscall_resolve_name(name), r;

	/* an older libseccomp, or a processor without it */
	if (number == __NR_SCMP_ERROR || number < 0)
		return 0;
	r = seccomp_rule_add(filter, action, number, 0);
	return r < 0 && r != -EACCES ? failed(name, r, err) : 0;
}

static int add_arg(scmp_filter_ctx filter, const struct contain_arg *arg, struct err *err)
{
	int number = seccomp_syscall_resolve_name(arg->name), r;
	scmp_datum_t mask = arg->own_pid ? UINT32_MAX : arg->mask;
	scmp_datum_t value = arg->own_pid ? (scmp_datum_t)getpid() : arg->value;

	if (number == __NR_SCMP_ERROR || number < 0)
		return 0;
	/* only the lower half counts: the kernel takes an int */
	r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1,
		SCMP_CMP(arg->arg, SCMP_CMP_MASKED_EQ, mask, value));
	return r < 0 ? failed(arg->name, r, err) : 0;
}

int seccomp_enter(const struct contain_rules *rules, struct err *err)
{
	uint32_t listed = rules->denies ? refusal() : SCMP_ACT_ALLOW;
	scoped(release) scmp_filter_ctx filter =
		seccomp_init(rules->denies ? SCMP_ACT_ALLOW : refusal());
	int r = 0;

	if (!filter)
		return err_nomem(err);
	/* a tree instead of a list; where libseccomp is too old for it, a list */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (const struct contain_calls *group = rules->calls; group->why && r >= 0; group++)
		for (const char *const *name = group->names; *name && r >= 0; name++)
			r = add_call(filter, listed, *name, err);
	for (const struct contain_arg *arg = rules->args; arg && arg->name && r >= 0; arg++)
		r = add_arg(filter, arg, err);
	if (r < 0)
		return r;
	r = seccomp_load(filter);
	return r < 0 ? failed("load", r, err) : 0;
}
