/* The least that a server of one request for each connection can be: it takes a connection, reads
 * once, says what it always says, and closes. Its only argument is where it listens. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\n"
                                 "Content-Type: text/plain; charset=utf-8\r\n"
                                 "Content-Length: 24\r\n\r\nI'm a DSGI application.\n";
    static char request[65536];
    char *port = count == 2 ? strrchr(arguments[1], ':') : NULL;
    struct sockaddr_in address = {.sin_family = AF_INET};
    int listening = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    if (port == NULL)
        return 1;
    address.sin_port = htons((unsigned short)atoi(port + 1));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listening, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listening, 1024) != 0)
        return 1;
    for (;;) {
        int connection = accept4(listening, NULL, NULL, 0);
        if (connection < 0)
            continue;
        if (read(connection, request, sizeof request) > 0 &&
            write(connection, answer, sizeof answer - 1) < 0)
            return 1;
        close(connection);
    }
}
