/* The hello as a servlet. How it is broken is a parameter of its web.xml. */

import jakarta.servlet.ServletContextEvent;
import jakarta.servlet.ServletContextListener;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

public class Hello extends HttpServlet implements ServletContextListener {
    @Override
    public void contextInitialized(ServletContextEvent event) {
        if ("start".equals(event.getServletContext().getInitParameter("fault")))
            throw new IllegalStateException("the index is locked");
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        if ("calls".equals(getServletContext().getInitParameter("fault")))
            throw new IllegalStateException("the index is locked");
        String text = getServletContext().getInitParameter("body") + "\n";
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        response.setHeader("Content-Type", "text/plain; charset=utf-8");
        response.setContentLength(body.length);
        response.getOutputStream().write(body);
    }
}
