/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <sodium.h>

#include "crypto/guess.h"
#include "crypto/password.h"

static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "room for libsodium's text");

enum { PASSES = 2, MEMORY = 19 * 1024 * 1024, LEAST = 15, MOST = 256 };

static sem_t at_once;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_semaphore(void)
{
	sem_init(&at_once, 0, PASSWORD_AT_ONCE);
}

static void enter(void)
{
	pthread_once(&once, make_semaphore);
	while (sem_wait(&at_once) != 0)
		;
}

int password_hash(struct span password, char ret_hash[PASSWORD_HASH_SIZE], struct err *err)
{
	int failed;

	enter();
	failed = crypto_pwhash_str_alg(ret_hash, password.at, password.len, PASSES, MEMORY,
		crypto_pwhash_ALG_ARGON2ID13);
	sem_post(&at_once);
	return failed ? err_nomem(err) : 0;
}

bool password_verify(struct span password, const char *hash)
{
	static const char nobody[] =
		"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA"
		"$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	int differs;

	enter();
	differs = crypto_pwhash_str_verify(hash ? hash : nobody, password.at, password.len);
	sem_post(&at_once);
	return hash && !differs;
}

int password_check(struct span password, const char *username, const char *field, struct err *err)
{
	size_t characters = 0;

	for (size_t i = 0; i < password.len; i++)
		characters += ((unsigned char)password.at[i] & 0xc0) != 0x80;
	if (characters < LEAST || password.len > MOST)
		return err_set(err, REASON_WEAK_PASSWORD, field,
			"use %d to %d characters; a few random words are easy to keep", LEAST, MOST);
	if (guess_is_easy(password, username))
		return err_set(err, REASON_WEAK_PASSWORD, field,
			"this password is among the first that are tried; choose another");
	return 0;
}
