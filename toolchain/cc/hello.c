/*
 * Shows that a program compiled for a machine links and runs: it uses the C
 * library, the kernel's headers, and 128-bit division, which is a builtin.
 */
#include <linux/version.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	unsigned __int128 n = 0;

	if (argc != 2 || LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0))
		return 2;

	for (const char *p = argv[1]; *p; p++)
		n = n * 10 + (*p - '0');

	printf("hello from musl: 2^128-1 = %d mod 7\n", (int)(n % 7));
	return n / 7 == 0;
}
