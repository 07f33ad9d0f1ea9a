/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "crypto/guess.h"

#include <ctype.h>
#include <stdint.h>

#include "base/err.h"

enum {
	LONGEST = 256,   /* bytes looked at; longer ones are refused elsewhere */
	FILLER_MAX = 6,  /* digits and marks that people add to a word */
	PIECE_LEAST = 8, /* a shorter piece, however often repeated, is a short password */
	RUN_LEAST = 4,
	SAME_LEAST = 3,
	PART_LEAST = 3, /* of a user name */
};

/* In lower case. Words that lists of stolen passwords begin with, and what this product is about. */
static const char *const words[] = { "password", "passwort", "passwd", "pass", "pwd", "passphrase",
	"admin", "administrator", "root", "user", "username", "login", "logon", "signin", "welcome",
	"letmein", "changeme", "change", "replaceme", "default", "secret", "topsecret", "private",
	"master", "access", "trustno", "iloveyou", "love", "monkey", "dragon", "sunshine", "princess",
	"football", "baseball", "superman", "batman", "shadow", "whatever", "freedom", "starwars",
	"hello", "please", "test", "testing", "temp", "temporary", "guest", "demo", "server",
	"system", "network", "security", "secure", "company", "office", "winter", "spring", "summer",
	"autumn", "monday", "sunday", "january", "december", "hunter", "qwerty", "qwertz", "azerty",
	"abc", "wireguard", "wgkeeper", "keeper", "wire", "guard", "vpn", "console", "operator",
	"auditor", "node", "peer", "to", "the", "my", "our", "is", "for", "and" };

static const char *const rows[] = { "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm",
	"yxcvbnm", "1234567890", "abcdefghijklmnopqrstuvwxyz", "!@#$%^&*()", "1qaz2wsx3edc4rfv" };

/* What a digit or mark stands for in a word; two letters where it may be either. */
static const char *stands_for(unsigned char c)
{
	switch (c) {
	case '0': return "o";
	case '1':
	case '!':
	case '|': return "il";
	case '3': return "e";
	case '4':
	case '@': return "a";
	case '5':
	case '$': return "s";
	case '7':
	case '+': return "t";
	case '8': return "b";
	default: return "";
	}
}

static bool is_letter(unsigned char c, char letter)
{
	return tolower(c) == letter || strchr(stands_for(c), letter) != NULL;
}

/* How much of `text` is this word: all of it, or nothing. */
static size_t match_word(struct span text, struct span word)
{
	if (word.len > text.len)
		return 0;
	for (size_t i = 0; i < word.len; i++)
		if (!is_letter((unsigned char)text.at[i], (char)tolower((unsigned char)word.at[i])))
			return 0;
	return word.len;
}

/* Neighbours on a row, from left to right (step 1) or back. */
static size_t match_row(struct span text, const char *row, int step)
{
	const char *at = strchr(row, tolower((unsigned char)text.at[0]));
	size_t n = 1, len = strlen(row);

	if (!at || !*at)
		return 0;
	for (size_t pos = (size_t)(at - row); n < text.len; n++) {
		pos = (pos + len + (size_t)step) % len; /* 9 is followed by 0 and 0 by 1 */
		if (tolower((unsigned char)text.at[n]) != row[pos])
			break;
	}
	return n;
}

static size_t match_same(struct span text)
{
	size_t n = 1;

	while (n < text.len && text.at[n] == text.at[0])
		n++;
	return n;
}

/* The longest run at the beginning that is long enough to be one. */
static size_t match_run(struct span text)
{
	size_t longest = match_same(text);

	if (longest < SAME_LEAST)
		longest = 0;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		for (int step = -1; step <= 1; step += 2) {
			size_t n = match_row(text, rows[i], step);

			if (n >= RUN_LEAST && n > longest)
				longest = n;
		}
	return longest;
}

/* 1900 to 2099. */
static size_t match_year(struct span text)
{
	bool fits = text.len >= 4 && (span_starts(text, "19") || span_starts(text, "20"));

	return fits && isdigit((unsigned char)text.at[2]) && isdigit((unsigned char)text.at[3]) ? 4 : 0;
}

static void reach(uint16_t *cost, size_t from, size_t len)
{
	if (len && cost[from] < cost[from + len])
		cost[from + len] = cost[from];
}

/* The parts of "first.last@example.org", and the whole. */
static void reach_names(uint16_t *cost, size_t from, struct span rest, const char *username)
{
	const char *at = username;

	reach(cost, from, match_word(rest, span_of(username)));
	while (*at) {
		size_t len = strcspn(at, "._@- ");

		if (len >= PART_LEAST)
			reach(cost, from, match_word(rest, (struct span){ at, len }));
		at += len;
		at += strspn(at, "._@- ");
	}
}

/* cost[i]: the fewest characters of the first i that are neither a word nor a run. */
static bool is_words(struct span password, const char *username)
{
	uint16_t cost[LONGEST + 1];

	memset(cost, 0xff, sizeof cost);
	cost[0] = 0;
	for (size_t i = 0; i < password.len; i++) {
		struct span rest = { password.at + i, password.len - i };
		size_t run;

		if (cost[i] > FILLER_MAX)
			continue;
		for (size_t w = 0; w < N_ELEMENTS(words); w++)
			reach(cost, i, match_word(rest, span_of(words[w])));
		reach_names(cost, i, rest, username);
		reach(cost, i, match_year(rest));
		run = match_run(rest);
		for (size_t len = run; len >= RUN_LEAST || (run && len == run); len--)
			reach(cost, i, len); /* a word may begin inside of a run */
		if (!isalpha((unsigned char)rest.at[0]) && cost[i] + 1 < cost[i + 1])
			cost[i + 1] = (uint16_t)(cost[i] + 1);
	}
	return cost[password.len] <= FILLER_MAX;
}

static bool repeats(struct span password)
{
	for (size_t piece = 1; piece < PIECE_LEAST && piece < password.len; piece++)
		if (!memcmp(password.at, password.at + piece, password.len - piece))
			return true;
	return false;
}

bool guess_is_easy(struct span password, const char *username)
{
	if (password.len > LONGEST)
		return false;
	return repeats(password) || is_words(password, username);
}
