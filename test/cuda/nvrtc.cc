/*
 * nvrtc.cc
 *	  NVRTC and libraries of kernels for the emulated GPU, by the host's C++ compiler.
 *
 * What stands for a cubin is a header and a shared library, which loading opens from memory.
 * device.h is part of this file, so nothing is looked for when it runs but the compiler.
 *
 * Environment: CUDA_EMULATOR_CXX (c++); CUDA_EMULATOR_CACHE: a folder that keeps what
 *			was compiled.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

#include "emulator.h"
#include "nvrtc.h"

extern char **environ;

/* the text of device.h */
__asm__(".section .rodata\n"
		".globl pt_emulator_device_text\n"
		".hidden pt_emulator_device_text\n"
		"pt_emulator_device_text:\n"
		"	.incbin \"device.h\"\n"
		"	.byte 0\n"
		".previous\n");
extern "C" const char pt_emulator_device_text[];

struct Header
{
	char magic[8];
	unsigned sm;
	size_t size;
};

#define MAGIC "pt-cubin"

struct _nvrtcProgram
{
	std::string source, name, log, cubin;
	bool compiled;
};

#define ENTER(otherwise)                                     \
	do                                                       \
	{                                                        \
		int error_;                                          \
                                                             \
		if (pt_emulator_fails(__func__, otherwise, &error_)) \
			return static_cast<nvrtcResult>(error_);         \
	} while (0)

/* ---------- compiling ---------- */

nvrtcResult
nvrtcVersion(int *major, int *minor)
{
	*major = 13;
	*minor = 0;
	return NVRTC_SUCCESS;
}

const char *
nvrtcGetErrorString(nvrtcResult result)
{
	switch (result)
	{
		case NVRTC_SUCCESS:
			return "NVRTC_SUCCESS";
		case NVRTC_ERROR_OUT_OF_MEMORY:
			return "NVRTC_ERROR_OUT_OF_MEMORY";
		case NVRTC_ERROR_INVALID_INPUT:
			return "NVRTC_ERROR_INVALID_INPUT";
		case NVRTC_ERROR_INVALID_PROGRAM:
			return "NVRTC_ERROR_INVALID_PROGRAM";
		case NVRTC_ERROR_INVALID_OPTION:
			return "NVRTC_ERROR_INVALID_OPTION";
		case NVRTC_ERROR_COMPILATION:
			return "NVRTC_ERROR_COMPILATION";
		default:
			return "NVRTC_ERROR_INTERNAL_ERROR";
	}
}

nvrtcResult
nvrtcCreateProgram(nvrtcProgram *program, const char *source, const char *name, int nheaders,
				   const char *const *, const char *const *)
{
	ENTER(NVRTC_ERROR_OUT_OF_MEMORY);
	if (source == NULL || nheaders != 0)
		return NVRTC_ERROR_INVALID_INPUT; /* headers are not emulated */
	*program = new _nvrtcProgram{source, name != NULL ? name : "default_program", "", "", false};
	return NVRTC_SUCCESS;
}

nvrtcResult
nvrtcDestroyProgram(nvrtcProgram *program)
{
	if (program == NULL || *program == NULL)
		return NVRTC_ERROR_INVALID_PROGRAM;
	delete *program;
	*program = NULL;
	return NVRTC_SUCCESS;
}

static bool
in_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The names behind __global__, attributes and types left out. */
static std::set<std::string>
find_kernels(const std::string &text)
{
	const std::string word = "__global__";
	std::set<std::string> names;

	for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at))
	{
		std::string last;

		at += word.size();
		while (at < text.size())
		{
			size_t start = at;

			while (at < text.size() && in_word(text[at]))
				at++;
			if (at > start)
				last = text.substr(start, at - start);
			else if (text[at] == '(' && last == "__launch_bounds__")
				at = text.find(')', at) + 1;
			else if (text[at] == '(')
			{
				names.insert(last);
				break;
			}
			else if (strchr(" \t\r\n", text[at]) != NULL)
				at++;
			else
				break;
		}
	}
	return names;
}

static bool
write_file(const std::string &path, const std::string &text)
{
	FILE *f = fopen(path.c_str(), "w");
	bool ok = f != NULL && fwrite(text.data(), 1, text.size(), f) == text.size();

	return f != NULL && fclose(f) == 0 && ok;
}

static bool
read_file(const std::string &path, std::string *text)
{
	FILE *f = fopen(path.c_str(), "r");
	char part[65536];
	size_t n;

	text->clear();
	if (f == NULL)
		return false;
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		text->append(part, n);
	fclose(f);
	return true;
}

/* Runs a command, its output into a file; false if it fails. */
static bool
run_command(const std::vector<std::string> &command, const std::string &output)
{
	std::vector<char *> argv;
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status = 1, error;

	for (const std::string &word : command)
		argv.push_back(const_cast<char *>(word.c_str()));
	argv.push_back(NULL);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
									 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	error = posix_spawnp(&pid, argv[0], &actions, NULL, argv.data(), environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error != 0)
	{
		write_file(output, command[0] + ": " + strerror(error) + "\n");
		return false;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The shared library of a text, or false and the compiler's words. */
static bool
compile(const std::string &text, bool contract, std::string *library, std::string *log)
{
	const char *compiler = getenv("CUDA_EMULATOR_CXX"), *cache = getenv("CUDA_EMULATOR_CACHE"),
			   *tmp = getenv("TMPDIR");
	std::string folder = std::string(tmp != NULL ? tmp : "/tmp") + "/pt-nvrtc-XXXXXX", kept;
	std::vector<std::string> command = {compiler != NULL ? compiler : "c++",
										"-shared",
										"-fPIC",
										"-O1",
										"-std=c++17",
										"-w",
										"-nostdinc",
										"-fno-exceptions",
										"-fno-rtti",
										"-fno-strict-aliasing",
										"-fwrapv",
										"-Wl,-Bsymbolic",
										contract ? "-ffp-contract=fast" : "-ffp-contract=off"};
	bool ok;

#if defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
	command.insert(command.end(), {"-g", "-fsanitize=address"});
#endif
	if (cache != NULL && cache[0] != '\0')
	{
		std::string all = text;
		char name[64];

		for (const std::string &word : command)
			all += " " + word;
		snprintf(name, sizeof(name), "/%016zx-%zu.so", std::hash<std::string>()(all), all.size());
		kept = cache + std::string(name);
		if (read_file(kept, library))
			return true;
	}
	if (mkdtemp(&folder[0]) == NULL)
	{
		*log = folder + ": " + strerror(errno) + "\n";
		return false;
	}
	command.insert(command.end(), {"-o", folder + "/program.so", folder + "/program.cc", "-lm"});
	ok = write_file(folder + "/program.cc", text) && run_command(command, folder + "/log");
	read_file(folder + "/log", log);
	ok = ok && read_file(folder + "/program.so", library);
	if (ok && !kept.empty())
	{
		std::string partial = kept + "." + std::to_string(getpid());

		if (!write_file(partial, *library) || rename(partial.c_str(), kept.c_str()) != 0)
			unlink(partial.c_str());
	}
	for (const char *name : {"/program.so", "/program.cc", "/log"})
		unlink((folder + name).c_str());
	rmdir(folder.c_str());
	return ok;
}

nvrtcResult
nvrtcCompileProgram(nvrtcProgram p, int noptions, const char *const *options)
{
	unsigned sm = 0;
	bool contract = true;
	std::string text, library;

	ENTER(NVRTC_ERROR_COMPILATION);
	if (p == NULL)
		return NVRTC_ERROR_INVALID_PROGRAM;
	p->log.clear();
	for (int i = 0; i < noptions; i++)
	{
		std::string option(options[i]), value = option.substr(option.find('=') + 1);
		auto begins = [&](const char *name) { return option.compare(0, strlen(name), name) == 0; };

		if (begins("--gpu-architecture=") || begins("-arch="))
			sm = value.compare(0, 3, "sm_") == 0 ? (unsigned) atoi(value.c_str() + 3) : 0;
		else if (begins("--fmad=") || begins("-fmad="))
			contract = value != "false";
		else if (!begins("--std=") && !begins("-std=") && !begins("-D") &&
				 !begins("--device-as-default") && !begins("-default-device") &&
				 !begins("--generate-line-info") && !begins("-lineinfo") &&
				 !begins("--extra-device-vectorization") && !begins("--use_fast_math=false") &&
				 !begins("--prec-") && !begins("--ftz=") && !begins("--split-compile") &&
				 !begins("--minimal"))
		{
			p->log = "nvrtc: error: invalid value for option: " + option + "\n";
			return NVRTC_ERROR_INVALID_OPTION;
		}
	}
	text = "#define PT_EMULATOR_LIBRARY\n";
	for (int i = 0; i < noptions; i++)
		if (strncmp(options[i], "-D", 2) == 0)
		{
			std::string name(options[i] + 2);
			size_t equal = name.find('=');

			text += "#define " +
					(equal == std::string::npos
						 ? name + " 1"
						 : name.substr(0, equal) + " " + name.substr(equal + 1)) +
					"\n";
		}
	text += pt_emulator_device_text + ("\n#line 1 \"" + p->name) + "\"\n" + p->source + "\n";
	for (const std::string &name : find_kernels(p->source))
		text += "extern \"C\" PtClosure *pt_entry_" + name + "(void **args) { return pt_unpack(" +
				name + ", args); }\n";
	if (!compile(text, contract, &library, &p->log))
		return NVRTC_ERROR_COMPILATION;
	p->compiled = true;
	p->cubin.clear();
	if (sm != 0)
	{
		Header h = {};

		memcpy(h.magic, MAGIC, sizeof(h.magic));
		h.sm = sm;
		h.size = library.size();
		p->cubin.assign(reinterpret_cast<char *>(&h), sizeof(h));
		p->cubin += library;
	}
	return NVRTC_SUCCESS;
}

nvrtcResult
nvrtcGetCUBINSize(nvrtcProgram p, size_t *size)
{
	if (p == NULL || !p->compiled)
		return NVRTC_ERROR_INVALID_PROGRAM;
	*size = p->cubin.size();
	return NVRTC_SUCCESS;
}

nvrtcResult
nvrtcGetCUBIN(nvrtcProgram p, char *cubin)
{
	if (p == NULL || !p->compiled)
		return NVRTC_ERROR_INVALID_PROGRAM;
	memcpy(cubin, p->cubin.data(), p->cubin.size());
	return NVRTC_SUCCESS;
}

nvrtcResult
nvrtcGetProgramLogSize(nvrtcProgram p, size_t *size)
{
	if (p == NULL)
		return NVRTC_ERROR_INVALID_PROGRAM;
	*size = p->log.size() + 1;
	return NVRTC_SUCCESS;
}

nvrtcResult
nvrtcGetProgramLog(nvrtcProgram p, char *log)
{
	if (p == NULL)
		return NVRTC_ERROR_INVALID_PROGRAM;
	memcpy(log, p->log.c_str(), p->log.size() + 1);
	return NVRTC_SUCCESS;
}

/* ---------- libraries ---------- */

/* What is open; launches that are not done keep it so. */
struct Opened
{
	void *handle;
	int fd; /* as long as the library is open: its number is the library's name */

	~Opened()
	{
		dlclose(handle);
		close(fd);
	}
};

typedef PtClosure *(*Entry)(void **args);

struct CUkern_st
{
	std::shared_ptr<Opened> library;
	std::string name;
	Entry entry;
};

struct CUlib_st
{
	std::shared_ptr<Opened> library;
	std::vector<CUkern_st *> kernels;
};

/* A launch: the library stays open until it is freed. */
struct Held : PtClosure
{
	std::shared_ptr<Opened> library;
	PtClosure *closure;
};

static void
run_held(PtClosure *c)
{
	PtClosure *closure = static_cast<Held *>(c)->closure;

	closure->run(closure);
}

static void
free_held(PtClosure *c)
{
	Held *held = static_cast<Held *>(c);

	held->closure->free(held->closure);
	delete held;
}

static std::set<const void *> &
kernels()
{
	static std::set<const void *> *all = new std::set<const void *>();

	return *all;
}

cudaError_t
cudaLibraryLoadData(cudaLibrary_t *library, const void *code, enum cudaJitOption *, void **,
					unsigned njit, enum cudaLibraryOption *, void **, unsigned noptions)
{
	cudaError_t error = pt_emulator_enter(__func__, cudaErrorInvalidKernelImage);
	const Header *h = static_cast<const Header *>(code);
	std::shared_ptr<Opened> opened;
	char path[64];
	void *handle, *emulated;
	int fd;

	if (error != cudaSuccess)
		return error;
	if (code == NULL || njit != 0 || noptions != 0)
		return cudaErrorInvalidValue;
	if (memcmp(h->magic, MAGIC, sizeof(h->magic)) != 0)
		return cudaErrorInvalidKernelImage;
	if (h->sm != 80)
		return cudaErrorNoKernelImageForDevice;
	fd = memfd_create("pt-cubin", MFD_CLOEXEC);
	if (fd < 0 || write(fd, h + 1, h->size) != (ssize_t) h->size)
		return cudaErrorOperatingSystem;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	emulated = handle != NULL ? dlsym(handle, "pt_emulated") : NULL;
	if (emulated == NULL)
	{
		fprintf(stderr, "cuda emulator: %s\n", dlerror());
		close(fd);
		return cudaErrorInvalidKernelImage;
	}
	opened.reset(new Opened{handle, fd});
	*static_cast<PtEmulated **>(emulated) = pt_emulated;
	*library = new CUlib_st{opened, {}};
	return cudaSuccess;
}

cudaError_t
cudaLibraryGetKernel(cudaKernel_t *kernel, cudaLibrary_t library, const char *name)
{
	cudaError_t error = pt_emulator_enter(__func__, cudaErrorSymbolNotFound);
	void *entry = dlsym(library->library->handle, (std::string("pt_entry_") + name).c_str());

	if (error != cudaSuccess)
		return error;
	/* a kernel that is not extern "C" has another name */
	if (entry == NULL || dlsym(library->library->handle, name) == NULL)
		return cudaErrorSymbolNotFound;
	*kernel = new CUkern_st{library->library, name, reinterpret_cast<Entry>(entry)};
	library->kernels.push_back(*kernel);
	kernels().insert(*kernel);
	return cudaSuccess;
}

cudaError_t
cudaLibraryUnload(cudaLibrary_t library)
{
	if (library == NULL)
		return cudaErrorInvalidResourceHandle;
	for (CUkern_st *kernel : library->kernels)
	{
		kernels().erase(kernel);
		delete kernel;
	}
	delete library;
	return cudaSuccess;
}

PtClosure *
pt_emulator_library_closure(const void *func, void **args, const char **name)
{
	const CUkern_st *kernel = static_cast<const CUkern_st *>(func);
	Held *held;

	if (kernels().count(func) == 0)
		return NULL;
	held = new Held{{run_held, free_held}, kernel->library, kernel->entry(args)};
	*name = kernel->name.c_str();
	return held;
}
