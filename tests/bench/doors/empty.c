/* The least that a CGI program can be: it is started, and ends. */
int main(void)
{
    return 0;
}
