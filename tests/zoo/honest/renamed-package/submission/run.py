from course_harness import main
from kv_assignment import DecoderOnlyTransformer

if __name__ == "__main__":
    main(DecoderOnlyTransformer)
