/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* How the gate becomes somebody who can do nothing but serve. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "json/read.h"
#include "node/gate/gate.h"
#include "node/jail.h"

enum { FALLBACK_UID = 64999 };

/* The user of the package, from the file itself: name services may be libraries, and networks. */
static void find_user(uid_t *ret_uid, gid_t *ret_gid)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *user;

	*ret_uid = *ret_gid = FALLBACK_UID;
	while (file && (user = fgetpwent(file)))
		if (!strcmp(user->pw_name, "_wgkeeper-node")) {
			*ret_uid = user->pw_uid;
			*ret_gid = user->pw_gid;
		}
	if (file)
		fclose(file);
}

/* Another user before anything else: what follows can then not be undone by root. */
static int change_user(struct err *err)
{
	static const int none[] = { -1 };
	uid_t uid;
	gid_t gid;

	find_user(&uid, &gid);
	contain_bounding_set(none);
	if (geteuid() == 0 &&
		(setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
			setresuid(uid, uid, uid) < 0))
		return err_set(err, REASON_INTERNAL, NULL, "cannot become uid %u: %s", uid,
			strerror(errno));
	if (geteuid() == 0 || getegid() == 0)
		return err_set(err, REASON_INTERNAL, NULL, "the gate does not run as root");
	/* the kernel forgets it where the user changes */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return 0;
}

int gate_contain(struct err *err)
{
	int r = change_user(err);

	json_seed();
	/* no places: no path leads anywhere for it */
	return r < 0 ? r : jail_enter(JAIL_GATE, NULL, err);
}
