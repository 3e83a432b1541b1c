/* The hello as an author writes it with libfcgi: a thread for each connection that the front may
 * keep, or one where it keeps none. Its only argument is where it listens. */
#include <fcgiapp.h>
#include <pthread.h>

#ifndef THREADS
#define THREADS 1
#endif

static int listening;

static void *serve(void *none)
{
    FCGX_Request request;
    FCGX_InitRequest(&request, listening, 0);
    while (FCGX_Accept_r(&request) == 0) {
        FCGX_PutS("Content-Type: text/plain; charset=utf-8\r\nContent-Length: 24\r\n\r\n"
                  "I'm a DSGI application.\n",
                  request.out);
        FCGX_Finish_r(&request);
    }
    return none;
}

int main(int count, char **arguments)
{
    pthread_t thread;
    if (count != 2 || FCGX_Init() != 0)
        return 1;
    listening = FCGX_OpenSocket(arguments[1], 1024);
    if (listening < 0)
        return 1;
    for (int more = 1; more < THREADS; more++)
        if (pthread_create(&thread, NULL, serve, NULL) != 0)
            return 1;
    serve(NULL);
    return 0;
}
