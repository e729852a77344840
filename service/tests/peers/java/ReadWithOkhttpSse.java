// Reads a stream with okhttp-sse: URL COUNT [TOKEN].
//
// The library reads one stream and does not come back: the loop does, with the id of the last event.

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.sse.EventSource;
import okhttp3.sse.EventSourceListener;
import okhttp3.sse.EventSources;

final class ReadWithOkhttpSse {
    private static String lastEventId = "";
    private static int left;

    public static void main(String[] given) throws InterruptedException {
        left = Integer.parseInt(given[1]);
        // Without this a stream that is silent for ten seconds is cut.
        OkHttpClient client = new OkHttpClient.Builder().readTimeout(Duration.ZERO).build();
        EventSource.Factory factory = EventSources.createFactory(client);
        while (true) {
            Request.Builder request = new Request.Builder().url(given[0]);
            if (given.length > 2) request.header("Authorization", "Bearer " + given[2]);
            if (!lastEventId.isEmpty()) request.header("Last-Event-ID", lastEventId);
            CountDownLatch ended = new CountDownLatch(1);
            factory.newEventSource(request.build(), new Listener(ended));
            ended.await();
            Thread.sleep(100);
        }
    }

    private static final class Listener extends EventSourceListener {
        private final CountDownLatch ended;

        Listener(CountDownLatch ended) {
            this.ended = ended;
        }

        @Override
        public void onEvent(EventSource source, String id, String type, String data) {
            if (id != null) lastEventId = id;
            String event = type == null ? "message" : type;
            System.out.printf("{\"id\":%s,\"event\":%s,\"data\":%s}%n", json(id), json(event), json(data));
            System.out.flush();
            // The threads of the client would keep the program alive.
            if (--left == 0) Runtime.getRuntime().halt(0);
        }

        @Override
        public void onClosed(EventSource source) {
            ended.countDown();
        }

        @Override
        public void onFailure(EventSource source, Throwable error, Response response) {
            System.err.println(error + " " + response);
            ended.countDown();
        }
    }

    private static String json(String text) {
        if (text == null) return "null";
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c < ' ' || c == '"' || c == '\\') out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }
}
