package pitfalls.lab;

import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import pitfalls.support.Loopback;

/** A socket that tells a recorder what it reads and writes. */
final class RecordedSocket extends Socket {
    private final Recorder.End end;
    private InputStream in;
    private OutputStream out;

    RecordedSocket(Recorder.End end) {
        this.end = end;
    }

    @Override
    public synchronized InputStream getInputStream() throws IOException {
        if (in == null) in = new Input(super.getInputStream());
        return in;
    }

    @Override
    public synchronized OutputStream getOutputStream() throws IOException {
        if (out == null) out = new Output(super.getOutputStream());
        return out;
    }

    @Override
    public void shutdownOutput() throws IOException {
        end.endsOutput(Mark.Kind.FIN);
        super.shutdownOutput();
    }

    @Override
    public void close() throws IOException {
        if (!isClosed()) end.endsOutput(isReset() ? Mark.Kind.RST : Mark.Kind.FIN);
        super.close();
    }

    /** Where bytes have not been read, the system sends an RST by itself. */
    private boolean isReset() {
        try {
            return getSoLinger() == 0 || getInputStream().available() > 0;
        } catch (IOException closed) {
            return false;
        }
    }

    /** Reads what comes within that time. */
    void readRest(int millis) {
        try {
            setSoTimeout(millis);
            getInputStream().transferTo(OutputStream.nullOutputStream());
        } catch (IOException over) {
            // Nothing more comes, or it is marked.
        }
    }

    private final class Input extends FilterInputStream {
        private Input(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            try {
                int count = super.read(bytes, offset, length);
                if (count > 0) end.reads(bytes, offset, count);
                if (count < 0) end.readsEnd(Mark.Kind.FIN);
                return count;
            } catch (SocketTimeoutException timeout) {
                boolean isPatient = getSoTimeout() >= Loopback.PATIENCE.toMillis();
                if (isPatient) end.readsNothing();
                throw timeout;
            } catch (SocketException over) {
                if (!isClosed()) end.readsEnd(Mark.Kind.RST);
                throw over;
            }
        }

        @Override
        public void close() throws IOException {
            RecordedSocket.this.close();
        }
    }

    private final class Output extends FilterOutputStream {
        private Output(OutputStream out) {
            super(out);
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            end.writes(bytes, offset, length);
            out.write(bytes, offset, length);
        }

        @Override
        public void close() throws IOException {
            RecordedSocket.this.close();
        }
    }
}
