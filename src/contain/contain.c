/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <cap-ng.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "contain/internal.h"
#include "log/log.h"

/* of newer headers than Debian 12's; kernels before 6.3 answer EINVAL */
enum { SET_MDWE = 65, MDWE_REFUSE_EXEC_GAIN = 1, LANDLOCK_WHOLE = 6 };

bool contain_is_built(void)
{
	return WGKEEPER_CONTAIN != 0;
}

void contain_bounding_set(const int *keep)
{
	capng_clear(CAPNG_SELECT_ALL);
	for (; *keep >= 0; keep++)
		(void)capng_update(CAPNG_ADD, CAPNG_BOUNDING_SET, (unsigned)*keep);
	if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
		log_debug("the bounding set stays as it is");
}

bool contain_capabilities(const int *keep)
{
	uint64_t have = 0;
	bool all = true;

	if (capng_get_caps_process() < 0)
		return false;
	for (const int *cap = keep; *cap >= 0; cap++)
		if (capng_have_capability(CAPNG_PERMITTED, (unsigned)*cap))
			have |= UINT64_C(1) << *cap;
		else
			all = false;
	/* first, because it needs a capability that may be about to go */
	contain_bounding_set(keep);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned cap = 0; cap < 64; cap++)
		if (have >> cap & 1)
			(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap);
	return capng_apply(CAPNG_SELECT_CAPS) == 0 && all;
}

static bool log_is_file(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode);
}

static int set_limits(const struct contain_limit *limits, struct err *err)
{
	for (; limits && limits->max != UINT64_MAX; limits++) {
		struct rlimit limit;

		if (limits->unless_log_is_file && log_is_file())
			continue;
		if (getrlimit((__rlimit_resource_t)limits->resource, &limit) < 0)
			return err_set(err, REASON_INTERNAL, NULL, "getrlimit: %s",
				strerror(errno));
		if (limit.rlim_max > limits->max)
			limit.rlim_max = limits->max;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit((__rlimit_resource_t)limits->resource, &limit) < 0)
			return err_set(err, REASON_INTERNAL, NULL, "setrlimit: %s",
				strerror(errno));
	}
	return 0;
}

/* Code that ran at the start alone is given back; what is needed again comes again, from the page cache. */
static int forget_code(struct dl_phdr_info *object, size_t size, void *ctx)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)ctx;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t first = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;

		/* never a page that may have been written */
		if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) &&
			!(segment->p_flags & PF_W) && end > first)
			(void)madvise((void *)first, end - first, MADV_DONTNEED);
	}
	return 0;
}

static int give_up(const struct contain_rules *rules, const struct contain_places *places,
	int *ret_landlock, struct err *err)
{
	int r = set_limits(rules->limits, err);

	if (r < 0)
		return r;
	/* no core dump, no debugger of the same user, and /proc/PID is root's */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(err, REASON_INTERNAL, NULL, "not dumpable: %s", strerror(errno));
	(void)prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
	if (rules->fences_files) {
		r = landlock_enter(places, err);
		*ret_landlock = r;
	}
	return r < 0 ? r : seccomp_enter(rules, err);
}

int contain(const struct contain_rules *rules, const struct contain_places *places, struct err *err)
{
	int landlock = 0, r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, REASON_INTERNAL, NULL, "no_new_privs: %s", strerror(errno));
	if (!contain_is_built())
		return 0;
	tzset(); /* the C library opens /etc/localtime once, even for UTC */
	r = give_up(rules, places, &landlock, err);
	if (r < 0)
		return err_context(err, r, "%s cannot be contained", rules->name);
	if (rules->fences_files && landlock < LANDLOCK_WHOLE)
		log_notice(landlock ? "this kernel's Landlock is old; what it lacks is left to seccomp "
				      "and file modes"
				    : "this kernel has no Landlock; files are left to their modes",
			LOG_STR("process", rules->name), LOG_INT("landlock", landlock));
	malloc_trim(0); /* what making the filter took */
	dl_iterate_phdr(forget_code, NULL);
	log_debug("contained", LOG_STR("process", rules->name), LOG_INT("landlock", landlock));
	return 0;
}
